// A real OpenID provider (npm oidc-provider): client_credentials tokens as JWTs from its own JWKS.
// Usage: node issuer.mjs PORT KEYS_FILE. The key set is read from KEYS_FILE at start; `kill -HUP` makes a new key first
// (rollover): the old one stays in the JWKS, new tokens use the new one.
// With PEOPLE set, ada logs in as the client `people` (secret people-s3cret) without being asked, and the provider has the ways of
// Microsoft Entra: it refuses `resource`, and says neither that it takes S256 nor, in a callback, who it is. It prints what it is sent.
// With SIGN_IN set it is the one of `hoopctl login`: a public client `hoopctl-cli` (PKCE, any loopback port, devices, rotating refresh
// tokens, revocation) and its own pages for logging in and consenting, which mcp/sign_in.mjs fills in. Each name is a person, with the groups of
// `persons`. GRANT_TTL is how long a refresh token holds, in seconds.
// With PAGE set to an address, people log in as the client `page` (secret page-s3cret), whose codes go to PAGE/signed-in; as whom, the
// header `x-person` of their browser says.
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const [port, keysFile] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const audience = 'api://hoopctl';

const newKey = async () => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: `k${Date.now()}` };
};

const groups = { reader: ['support'], writer: ['support', 'etl'], stranger: [], tenant: ['support'] };
const client = (client_id) => ({
  client_id, client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
});

const people = {
  client_id: 'people', client_secret: 'people-s3cret', token_endpoint_auth_method: 'client_secret_post', application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], redirect_uris: ['http://127.0.0.1/callback'],
};
const forPeople = {
  clients: [...Object.keys(groups).map(client), people],
  scopes: ['openid', 'offline_access'],
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: (_ctx, token) => ({ groups: groups[token.clientId] ?? ['support'] }),
};

const persons = { ada: ['dba'], grace: ['dba'], mallory: ['support'], kate: ['dba'], vic: ['audit'], sue: ['support', 'etl'], eve: ['support'] };
const forSignIn = {
  clients: [...Object.keys(groups).map(client), {
    client_id: 'hoopctl-cli', token_endpoint_auth_method: 'none', application_type: 'native', response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  }],
  scopes: ['openid', 'offline_access'],
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  ttl: { RefreshToken: Number(process.env.GRANT_TTL ?? 3600), Session: 3600, Grant: 3600, Interaction: 600, DeviceCode: 60 },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: (_ctx, token) => ({ groups: groups[token.clientId] ?? persons[token.accountId] ?? [] }),
};

const forPage = {
  clients: [...Object.keys(groups).map(client), {
    client_id: 'page', client_secret: 'page-s3cret', token_endpoint_auth_method: 'client_secret_post', grant_types: ['authorization_code'],
    redirect_uris: [`${process.env.PAGE}/signed-in`],
  }],
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: (_ctx, token) => ({ groups: persons[token.accountId] ?? groups[token.clientId] }),
};

/** What the people of the page do at the provider: they are who they say they are, and consent. */
const asPeople = (provider) => provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  let result = { login: { accountId: ctx.get('x-person') } };
  if (prompt.name !== 'login') {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope('openid');
    grant.addResourceScope(audience, 'use');
    result = { consent: { grantId: await grant.save() } };
  }
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }));
});

/** What a person does in a browser, and what Entra does otherwise. */
const asEntra = (provider) => provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/interaction/')) {
    const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
    let result = { login: { accountId: 'ada' } };
    if (prompt.name !== 'login') {
      const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
      grant.addOIDCScope('openid offline_access');
      grant.addResourceScope(audience, 'use');
      result = { consent: { grantId: await grant.save() } };
    }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }));
    return;
  }
  let sent = ctx.query;
  if (ctx.path === '/token') {
    const pieces = [];
    for await (const piece of ctx.req) pieces.push(piece);
    sent = ctx.req.body = Object.fromEntries(new URLSearchParams(Buffer.concat(pieces).toString()));
  }
  if (['/auth', '/token'].includes(ctx.path)) {
    console.log('sent', ctx.path, Object.keys(sent).sort().join(' '), 'scope:', sent.scope);
    if ('resource' in sent) {
      ctx.status = 400;
      ctx.body = { error: 'invalid_target', error_description: 'AADSTS9010010: the resource parameter does not match' };
      return;
    }
  }
  await next();
  if (ctx.path === '/.well-known/openid-configuration') delete ctx.body.code_challenge_methods_supported;
  const location = ctx.response.get('location');
  if (URL.canParse(location)) {
    const callback = new URL(location);
    callback.searchParams.delete('iss');
    if (callback.href !== location) ctx.set('location', callback.href);
  }
});

const make = (keys) => {
  const provider = new Provider(issuer, settings(keys));
  if (process.env.PEOPLE) asEntra(provider);
  if (process.env.PAGE) asPeople(provider);
  return provider;
};

const signIn = 'SIGN_IN' in process.env;
const settings = (keys) => ({
  jwks: { keys },
  clients: Object.keys(groups).map(client),
  scopes: ['openid'],
  features: {
    devInteractions: { enabled: signIn },
    deviceFlow: { enabled: signIn },
    revocation: { enabled: signIn },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'use', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: Number(process.env.TOKEN_TTL ?? 300),
      }),
    },
  },
  extraTokenClaims: (_ctx, token) => ({ groups: groups[token.clientId] }),
  ...(process.env.PEOPLE ? forPeople : {}),
  ...(signIn ? forSignIn : {}),
  ...(process.env.PAGE ? forPage : {}),
});

let keys = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile)) : [await newKey()];
writeFileSync(keysFile, JSON.stringify(keys));
let handler = make(keys).callback();
createServer((req, res) => handler(req, res)).listen(Number(port), '127.0.0.1', () => console.log('ready'));
process.on('SIGHUP', async () => {
  keys = [await newKey(), ...keys];
  writeFileSync(keysFile, JSON.stringify(keys));
  handler = make(keys).callback();
  console.log('rolled over');
});
// The tests that share it end without a word.
if (process.env.TIED) process.stdin.resume().on('end', () => process.exit());
