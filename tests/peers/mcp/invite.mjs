// A client of MCP 2026-07-28 whose person can be led to a page: it calls the tool `add_note`, prints the address that it is sent to, and goes on.
// Usage: MCP_URL=... MCP_TOKEN=... node invite.mjs TEXT.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { MCP_URL, MCP_TOKEN } = process.env;
const say = (...words) => console.log(words.join(' '));
const client = new Client(
  { name: 'invite.mjs', version: '1' },
  { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
);
client.setRequestHandler('elicitation/create', (request) => {
  say('led to', request.params.mode, request.params.url);
  say('because', request.params.message);
  return { action: 'accept' };
});
await client.connect(new StreamableHTTPClientTransport(new URL(MCP_URL), {
  requestInit: { headers: { authorization: `Bearer ${MCP_TOKEN}` } },
}));
const result = await client.callTool({ name: 'add_note', arguments: { text: process.argv[2] } }, { timeout: 120_000 });
say(result.isError ? 'error' : 'ok', JSON.stringify(result.content));
await client.close();
