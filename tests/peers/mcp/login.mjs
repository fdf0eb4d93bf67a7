// A person's MCP client in JavaScript that logs in as it knows how to: from the gateway's metadata through registration and a browser to a
// token, and on to a list of tools. Usage: MCP_URL=... node login.mjs sdk|client; the package @modelcontextprotocol/sdk or
// @modelcontextprotocol/client. The browser is a loop that follows redirects. It prints one line for each thing that happened.
const mode = process.argv[2];
const url = new URL(process.env.MCP_URL);
const callback = 'http://127.0.0.1:33418/callback';
const say = (...words) => console.log(words.join(' '));

const package_ = mode === 'sdk' ? '@modelcontextprotocol/sdk/client/' : '@modelcontextprotocol/client';
const { Client } = await import(mode === 'sdk' ? `${package_}index.js` : package_);
const { StreamableHTTPClientTransport: Http } = await import(mode === 'sdk' ? `${package_}streamableHttp.js` : package_);
const { auth } = await import(mode === 'sdk' ? `${package_}auth.js` : package_);

async function browse(start) {
  const jar = new Map();
  let at = new URL(start);
  for (let hop = 0; hop < 20; hop += 1) {
    if (at.href.startsWith(callback)) return at;
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const reply = await fetch(at, { redirect: 'manual', headers: { cookie } });
    for (const line of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      jar.set(name, value);
    }
    const location = reply.headers.get('location');
    if (!location) throw new Error(`no way on from ${at.origin}${at.pathname}: ${reply.status} ${await reply.text()}`);
    at = new URL(location, at);
  }
  throw new Error('the browser goes in circles');
}

const kept = {};
const provider = {
  redirectUrl: callback,
  clientMetadata: { client_name: 'login.mjs', redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'] },
  state: () => 'a state & more',
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  redirectToAuthorization: async (to) => {
    say('login at', to.origin === url.origin ? 'the gateway' : to.origin, 'as', to.searchParams.get('client_id'),
      'for', to.searchParams.get('resource') === url.href ? 'this connection' : to.searchParams.get('resource'));
    kept.callback = await browse(to);
  },
};

const first = new Http(url, { authProvider: provider });
try {
  await new Client({ name: 'login.mjs', version: '1' }).connect(first);
  say('connected without a login');
} catch (error) {
  if (!kept.callback) throw error;
}
say('state', kept.callback.searchParams.get('state'));
await first.finishAuth(mode === 'sdk' ? kept.callback.searchParams.get('code') : kept.callback.searchParams);
say('code', kept.callback.searchParams.get('code'));
say('token', kept.tokens.access_token);

const client = new Client({ name: 'login.mjs', version: '1' });
await client.connect(new Http(url, { authProvider: provider }));
const { tools } = await client.listTools();
say('tools', tools.some((tool) => tool.name === 'echo') ? 'are listed' : 'are missing');
await client.close();

const before = kept.tokens;
say('again', await auth(provider, { serverUrl: url }));
say('refreshed', before.access_token !== kept.tokens.access_token);
const renewed = new Client({ name: 'login.mjs', version: '1' });
await renewed.connect(new Http(url, { authProvider: provider }));
say('tools', (await renewed.listTools()).tools.length > 0 ? 'are listed' : 'are missing');
await renewed.close();
