// A server of MCP over HTTP+SSE of 2024-11-05 on 127.0.0.1, made of a program that speaks on its standard streams: each stream of a client
// has a process of its own. Both ends are the official SDK's; nothing in between is read.
//
// Usage: node bridge_sse.mjs PORT PROGRAM [ARGUMENT..]. It serves http://127.0.0.1:PORT/sse.
import { createServer } from 'node:http';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';

const [port, command, ...args] = process.argv.slice(2);
const streams = new Map();

async function open(response) {
  const client = new SSEServerTransport('/messages', response);
  const program = new StdioClientTransport({ command, args, stderr: 'ignore' });
  streams.set(client.sessionId, client);
  const lost = (error) => console.error(`bridge_sse: a message is lost: ${error}`);
  program.onmessage = (message) => client.send(message).catch(lost);
  client.onmessage = (message) => program.send(message).catch(lost);
  client.onclose = () => {
    streams.delete(client.sessionId);
    program.close();
  };
  program.onclose = () => client.close();
  await program.start();
  await client.start();
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  const known = streams.get(url.searchParams.get('sessionId'));
  if (request.method === 'GET' && url.pathname === '/sse') await open(response);
  else if (request.method === 'POST' && known) await known.handlePostMessage(request, response);
  else response.writeHead(404).end();
});
server.listen(Number(port), '127.0.0.1');
// It ends with whoever started it, and so do its programs.
process.stdin.resume().on('end', () => process.exit());
