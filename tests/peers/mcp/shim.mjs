// A local HTTP proxy that adds a bearer token, for programs that can be told none, and that has to change nothing else: no
// buffering, no header of its own. `start(url, token)`, or: MCP_TOKEN=... node shim.mjs URL, which prints its address.
//
// The host of a request, and of its origin, is the target's where it is the shim's own, and otherwise stays as it is: what
// an attacker's page would send arrives at the target.
import { createServer, request as send } from 'node:http';
import { fileURLToPath } from 'node:url';

export async function start(url, token) {
  const target = new URL(url);
  const server = createServer((request, response) => {
    const own = `127.0.0.1:${server.address().port}`;
    const headers = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const [name, value] = [request.rawHeaders[at], request.rawHeaders[at + 1]];
      const lower = name.toLowerCase();
      if (lower === 'authorization' || lower === 'connection') continue;
      if (lower === 'host' && value === own) headers.push(name, target.host);
      else if (lower === 'origin' && value === `http://${own}`) headers.push(name, target.origin);
      else headers.push(name, value);
    }
    headers.push('Authorization', `Bearer ${token}`);
    const onward = send({ host: target.hostname, port: target.port, method: request.method, path: request.url, headers, setHost: false });
    onward.setNoDelay(true);
    onward.on('response', (answer) => {
      const kept = answer.rawHeaders.filter((_, at) => !['connection', 'keep-alive', 'transfer-encoding'].includes(answer.rawHeaders[at - (at % 2)].toLowerCase()));
      response.sendDate = false;
      response.writeHead(answer.statusCode, kept);
      response.flushHeaders();
      answer.on('data', (chunk) => response.write(chunk) || answer.pause());
      response.on('drain', () => answer.resume());
      answer.on('end', () => response.end());
      answer.on('error', () => response.destroy());
    });
    onward.on('error', (error) => {
      if (response.headersSent) return response.destroy();
      response.writeHead(502, { 'content-type': 'text/plain' }).end(`shim: ${target.host} cannot be reached: ${error.code}\n`);
    });
    response.on('close', () => response.writableFinished || onward.destroy());
    request.pipe(onward);
  });
  server.on('connection', (socket) => socket.setNoDelay(true));
  await new Promise((ready, failed) => server.once('error', failed).listen(0, '127.0.0.1', ready));
  return { url: `http://127.0.0.1:${server.address().port}${target.pathname}`, stop: () => server.close().closeAllConnections() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv[2] || !process.env.MCP_TOKEN) {
    console.error('shim: usage: MCP_TOKEN=... node shim.mjs URL');
    process.exit(2);
  }
  console.log((await start(process.argv[2], process.env.MCP_TOKEN)).url);
}
