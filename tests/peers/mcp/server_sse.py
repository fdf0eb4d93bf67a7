"""A server of MCP in Python that speaks HTTP+SSE of 2024-11-05 only, made of the SDK alone.

Usage: venv-mcp1/bin/python server_sse.py PORT. It serves http://127.0.0.1:PORT/sse. Environment: MCP_TOKEN, the bearer token that it wants of
each request; what has none is answered with 401."""
import asyncio
import os
import sys

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import ToolAnnotations
from pydantic import BaseModel

TOKEN = os.environ.get('MCP_TOKEN')
CALLS = {}
server = FastMCP('sse', host='127.0.0.1', port=int(sys.argv[1]), log_level='WARNING')


class Customer(BaseModel):
    name: str
    email: str
    iban: str


def counted(tool):
    CALLS[tool] = CALLS.get(tool, 0) + 1


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def echo(message: str) -> str:
    """Says the same again."""
    counted('echo')
    return message


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def customers() -> list[Customer]:
    """Personal data."""
    counted('customers')
    return [Customer(name='Ada', email='ada@example.com', iban='DE89370400440532013000')]


@server.tool()
def add_note(text: str) -> str:
    """A change."""
    counted('add_note')
    return f'noted {text}'


@server.tool()
def forbidden() -> str:
    """What nobody may call."""
    counted('forbidden')
    return 'done'


@server.tool()
def fails() -> str:
    """What does not go well."""
    raise ValueError('it does not go well')


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def tally() -> dict[str, int]:
    """How often each tool was called."""
    return CALLS


@server.tool()
async def wait(milliseconds: int, context: Context, steps: int = 1) -> str:
    """Takes long, and tells how far it is."""
    counted('wait')
    for number in range(steps):
        await asyncio.sleep(milliseconds / 1000 / steps)
        await context.report_progress(number + 1, steps)
    return 'waited'


@server.tool()
async def tell(context: Context) -> str:
    """Tells that its tools have changed, which belongs to no request."""
    await context.session.send_tool_list_changed()
    return 'told'


@server.tool()
def seen(context: Context) -> dict[str, str]:
    """The headers that the message came with."""
    return dict(context.request_context.request.headers)


@server.tool()
def die() -> str:
    """Ends the process in the middle of a call."""
    os._exit(3)


@server.resource('note://one')
def one() -> str:
    """A text."""
    return 'one note'


def guarded(app):
    async def answer(scope, receive, send):
        headers = dict(scope.get('headers', []))
        if scope['type'] == 'http' and TOKEN and headers.get(b'authorization') != f'Bearer {TOKEN}'.encode():
            await send({'type': 'http.response.start', 'status': 401, 'headers': [(b'www-authenticate', b'Bearer')]})
            await send({'type': 'http.response.body', 'body': b''})
            return
        await app(scope, receive, send)
    return answer


uvicorn.run(guarded(server.sse_app()), host='127.0.0.1', port=server.settings.port, log_level='warning', timeout_graceful_shutdown=1)
