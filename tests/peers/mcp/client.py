"""A client of MCP in Python that goes through a plan of plans.json and prints one line for each step.

Usage: venv-mcp2/bin/python client.py auto|legacy|2026-07-28, or venv-mcp1/bin/python client.py legacy. Environment:
MCP_URL, or MCP_COMMAND, a JSON list of words, for a server on its standard streams; MCP_TRANSPORT, sse for a server of
HTTP+SSE (1.x only); MCP_TOKEN, a bearer token;
MCP_PLAN (fixture), one of plans.json; MCP_STEPS, the steps to go, by default all that the plan has; MCP_DENIED, a tool
whose call is expected to be refused; MCP_HELD, a text to call a tool with again and again while it is to be called
again; MCP_TASKS, anything, to know tasks (2.x only); MCP_LONG (2), how many seconds the long call takes."""
import contextlib
import datetime
import importlib.metadata
import json
import os
import pathlib
import sys

import anyio

PLAN = json.loads((pathlib.Path(__file__).parent / 'plans.json').read_text())[os.environ.get('MCP_PLAN', 'fixture')]
LONG = float(os.environ.get('MCP_LONG', '2'))
HEADERS = {'Authorization': f'Bearer {os.environ["MCP_TOKEN"]}'} if os.environ.get('MCP_TOKEN') else {}
FIRST = importlib.metadata.version('mcp').startswith('1.')
STEPS = ['tools', 'echo', 'fail', 'unknown', 'records', 'ask', 'resource', 'prompt', 'progress', 'long', 'denied', 'again', 'held']


def say(step, *words):
    """Prints one line, the same as client.mjs."""
    texts = [word if isinstance(word, str) else json.dumps(word, ensure_ascii=False, separators=(',', ':')) for word in words]
    print(step, *(text.replace('\n', '\\n') for text in texts), flush=True)


def plain(result):
    """A result as it was on the wire."""
    return result.model_dump(mode='json', by_alias=True, exclude_none=True)


def words_of(result):
    result = plain(result)
    texts = [block.get('text', block['type']) for block in result.get('content', [])]
    yield 'error' if result.get('isError') else 'ok'
    yield from texts
    if 'structuredContent' in result:
        yield result['structuredContent']


async def answer(_context, params):
    """Answers what the server asks the user."""
    say('asked', params.message)
    if FIRST:
        from mcp.types import ElicitResult
    else:
        from mcp_types import ElicitResult
    return ElicitResult(action='accept', content={'username': 'ada', 'email': 'ada@example.com'})


def tasks():
    """The extension that knows tasks: a call that becomes one is asked after until it is over. The SDK has the hooks for it only."""
    from typing import Any, Literal
    from mcp.client.extension import ClientExtension, ResultClaim
    from mcp_types import CallToolResult, Request, RequestParams, Result

    class Created(Result):
        result_type: Literal['task'] = 'task'
        task_id: str
        status: str
        status_message: str | None = None
        created_at: str
        last_updated_at: str
        ttl_ms: int | None
        poll_interval_ms: int | None = None

    class Told(Result):
        task_id: str
        status: str
        result: CallToolResult | None = None
        error: dict[str, Any] | None = None

    class Named(RequestParams):
        task_id: str

    class Get(Request[Named, Literal['tasks/get']]):
        method: Literal['tasks/get'] = 'tasks/get'
        params: Named
        name_param = 'taskId'

    async def resolve(task, context):
        say('task', task.status, task.status_message or '')
        while True:
            await anyio.sleep((task.poll_interval_ms or 1000) / 1000)
            told = await context.session.send_request(Get(params=Named(task_id=task.task_id)), Told)
            if told.status != 'working':
                say('task', told.status)
                if told.result is None:
                    raise RuntimeError(told.error)
                return told.result

    class Tasks(ClientExtension):
        identifier = 'io.modelcontextprotocol/tasks'

        def claims(self):
            return [ResultClaim(result_type='task', model=Created, resolve=resolve)]

    return Tasks()


@contextlib.asynccontextmanager
async def connected(mode):
    """A session: what calls, and the revision and the name of the server."""
    from mcp.client.stdio import StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client
    words = json.loads(os.environ.get('MCP_COMMAND', '[]'))
    async with contextlib.AsyncExitStack() as stack:
        if words:
            transport = stdio_client(StdioServerParameters(command=words[0], args=words[1:], env=dict(os.environ)))
        elif os.environ.get('MCP_TRANSPORT') == 'sse':
            from mcp.client.sse import sse_client
            transport = sse_client(os.environ['MCP_URL'], headers=HEADERS)
        elif FIRST:
            import httpx
            http = await stack.enter_async_context(httpx.AsyncClient(headers=HEADERS, timeout=httpx.Timeout(30, read=300)))
            transport = streamable_http_client(os.environ['MCP_URL'], http_client=http)
        else:
            import httpx2
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=HEADERS, timeout=httpx2.Timeout(30, read=300)))
            transport = streamable_http_client(os.environ['MCP_URL'], http_client=http)
        if FIRST:
            from mcp import ClientSession
            streams = await stack.enter_async_context(transport)
            session = await stack.enter_async_context(ClientSession(streams[0], streams[1], elicitation_callback=answer))
            hello = await session.initialize()
            yield session, hello.protocolVersion, hello.serverInfo.name
        else:
            from mcp.client.client import Client
            extensions = [tasks()] if os.environ.get('MCP_TASKS') else None
            client = await stack.enter_async_context(Client(transport, mode=mode, elicitation_callback=answer, extensions=extensions))
            yield client, client.protocol_version, client.server_info.name if client.server_info else 'unnamed'


async def all_tools(client):
    names, cursor = [], None
    while True:
        if FIRST:
            from mcp.types import PaginatedRequestParams
            page = plain(await client.list_tools(params=PaginatedRequestParams(cursor=cursor)))
        else:
            page = plain(await client.list_tools(cursor=cursor))
        names += [tool['name'] for tool in page['tools']]
        cursor = page.get('nextCursor')
        if not cursor:
            return names


async def step(client, name):
    timeout = datetime.timedelta(seconds=LONG + 30) if FIRST else LONG + 30
    if name == 'tools':
        return await all_tools(client)
    if name == 'unknown':
        return words_of(await client.call_tool('no_such_tool', {}))
    if name == 'denied':
        return words_of(await client.call_tool(os.environ['MCP_DENIED'], {}))
    if name == 'held':
        tool, argument = PLAN['held']
        told = 0
        while True:
            words = list(words_of(await client.call_tool(tool, {argument: os.environ['MCP_HELD']})))
            if words[0] == 'ok' or 'the same arguments' not in words[1]:
                return [f'asked again {told} times', *words]
            told += 1
    if name == 'again':
        return words_of(await client.call_tool(*PLAN['echo']))
    if name == 'resource':
        uri = PLAN['resource']
        if FIRST:
            from pydantic import AnyUrl
            uri = AnyUrl(uri)
        return [content.get('text', 'blob')[:80].split('\n')[0] for content in plain(await client.read_resource(uri))['contents']]
    if name == 'prompt':
        return [message['content'].get('text', message['content']['type']) for message in plain(await client.get_prompt(*PLAN['prompt']))['messages']]
    if name == 'progress':
        seen = []

        async def progress(done, total, _message):
            seen.append(f'{done:g}/{total:g}')
        result = words_of(await client.call_tool(*PLAN['progress'], progress_callback=progress))
        return [*seen, *result]
    if name == 'long':
        tool, argument, unit = PLAN['long']
        value = LONG * unit
        return words_of(await client.call_tool(tool, {argument: int(value) if value == int(value) else value}, read_timeout_seconds=timeout))
    return words_of(await client.call_tool(*PLAN[name]))


async def main(mode):
    chosen = os.environ.get('MCP_STEPS', '').split() or [
        name for name in STEPS if (name in PLAN and name != 'held') or name in ('tools', 'unknown') or (name in ('denied', 'again') and 'MCP_DENIED' in os.environ)]
    async with connected(mode) as (client, revision, server):
        say('connected', revision, server)
        for name in chosen:
            try:
                say(name, *await step(client, name))
            except Exception as error:  # pylint: disable=broad-exception-caught
                detail = getattr(error, 'error', None)
                say(name, 'raised', type(error).__name__, *([str(detail.code)] if detail is not None else []), str(error))
    say('closed')


def leaves(error):
    return [leaf for inner in error.exceptions for leaf in leaves(inner)] if isinstance(error, BaseExceptionGroup) else [error]


try:
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else 'auto')
except BaseException as failure:  # pylint: disable=broad-exception-caught
    if isinstance(failure, (KeyboardInterrupt, SystemExit)):
        raise
    say('broken', *sorted({f'{type(leaf).__name__}: {leaf}' for leaf in leaves(failure)}))
    sys.exit(1)
