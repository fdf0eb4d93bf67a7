"""A person's MCP client in Python that logs in as it knows how to: from the gateway's metadata through registration and a browser to a
token, and on to a list of tools. Usage: MCP_URL=... venv-mcp2/bin/python login.py, or venv-mcp1/bin/python. The browser is a loop that
follows redirects. It prints the lines of login.mjs that the test reads."""
import contextlib
import http.cookiejar
import importlib.metadata
import os
import urllib.error
import urllib.parse
import urllib.request

import anyio

FIRST = importlib.metadata.version('mcp').startswith('1.')
URL = os.environ['MCP_URL']
CALLBACK = 'http://127.0.0.1:33418/callback'
if FIRST:
    import httpx
else:
    import httpx2 as httpx


def say(*words):
    print(*words, flush=True)


class Stay(urllib.request.HTTPRedirectHandler):
    """Gives each redirect to the caller."""

    def redirect_request(self, *_arguments):
        return None


def browse(start):
    """Goes where it is led, until that is the client's own address."""
    browser = urllib.request.build_opener(Stay, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    at = start
    for _hop in range(20):
        if at.startswith(CALLBACK):
            return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(at).query))
        try:
            raise RuntimeError(f'no way on from {at}: {browser.open(at).read()!r}')
        except urllib.error.HTTPError as redirect:
            location = redirect.headers.get('location')
            if not location:
                raise RuntimeError(f'no way on: {redirect.code} {redirect.read()!r}') from None
            at = urllib.parse.urljoin(at, location)
    raise RuntimeError('the browser goes in circles')


class Kept:
    """Keeps tokens and the client; the names are those of TokenStorage."""
    tokens = client = answer = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def provider(kept):
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import OAuthClientMetadata

    async def redirect(url):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        place = 'the gateway' if url.startswith(URL[:URL.index('/c/')] + '/') else url
        say('login at', place, 'as', query['client_id'], 'for', 'this connection' if query.get('resource') == URL else query.get('resource'))
        kept.answer = await anyio.to_thread.run_sync(browse, url)

    async def callback():
        say('code', kept.answer['code'])
        if FIRST:
            return kept.answer['code'], kept.answer.get('state')
        from mcp.shared.auth import AuthorizationCodeResult
        return AuthorizationCodeResult(**{name: kept.answer.get(name) for name in ('code', 'state', 'iss')})

    metadata = OAuthClientMetadata(client_name='login.py', redirect_uris=[CALLBACK], grant_types=['authorization_code', 'refresh_token'])
    return OAuthClientProvider(server_url=URL, client_metadata=metadata, storage=kept, redirect_handler=redirect, callback_handler=callback)


async def list_tools(auth):
    from mcp.client.streamable_http import streamable_http_client
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(auth=auth, timeout=30))
        transport = streamable_http_client(URL, http_client=client)
        if FIRST:
            from mcp import ClientSession
            streams = await stack.enter_async_context(transport)
            session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
            await session.initialize()
        else:
            from mcp.client.client import Client
            session = await stack.enter_async_context(Client(transport))
        tools = (await session.list_tools()).tools
        say('tools', 'are listed' if any(tool.name == 'echo' for tool in tools) else 'are missing')


async def main():
    kept = Kept()
    auth = provider(kept)
    await list_tools(auth)
    say('token', kept.tokens.access_token)
    before = kept.tokens
    # Its time is over, so that the next request gets a new one first.
    auth.context.token_expiry_time = 1
    await list_tools(auth)
    say('refreshed', str(before.access_token != kept.tokens.access_token).lower())


anyio.run(main)
