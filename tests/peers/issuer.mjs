// A real OpenID provider (npm oidc-provider): client_credentials tokens as JWTs from its own JWKS.
// Usage: node issuer.mjs PORT KEYS_FILE. The key set is read from KEYS_FILE at start; `kill -HUP` makes a new key first
// (rollover): the old one stays in the JWKS, new tokens use the new one.
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

const make = (keys) => new Provider(issuer, {
  jwks: { keys },
  clients: Object.keys(groups).map(client),
  scopes: ['openid'],
  features: {
    devInteractions: { enabled: false },
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
