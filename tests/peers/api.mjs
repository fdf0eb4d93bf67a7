// A real REST API (npm json-server) over DB_FILE, which asks for a bearer token and counts what reaches it.
// Usage: node api.mjs PORT DB_FILE TOKEN. GET /__hits tells the requests seen; /__sse streams events; /__echo returns the request's
// headers; /__ws is a WebSocket that echoes.
import { createServer } from 'node:http';
import { gzipSync, brotliCompressSync } from 'node:zlib';
import jsonServer from 'json-server';
import { WebSocketServer } from 'ws';

const [port, dbFile, token] = process.argv.slice(2);
const app = jsonServer.create();
const hits = [];

app.use((req, res, next) => {
  if (req.path === '/__hits') return res.json(hits);
  hits.push(`${req.method} ${req.url}`);
  if (req.headers.authorization !== `Bearer ${token}`) return res.status(401).json({ error: 'wrong credential' });
  next();
});
app.get('/__echo', (req, res) => res.json({ headers: req.headers }));
app.get('/__sse', (req, res) => {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  let n = 0;
  const timer = setInterval(() => res.write(`data: {"n":${++n},"ssn":"078-05-1120"}\n\n`), 100);
  req.on('close', () => clearInterval(timer));
});
const packed = JSON.stringify({ name: 'Ada', ssn: '078-05-1120', note: 'x'.repeat(2000) });
app.get('/__gzip', (_req, res) => res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(packed)));
app.get('/__br', (_req, res) => res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'br' }).end(brotliCompressSync(packed)));
app.get('/__image', (_req, res) => res.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from('89504e47', 'hex')));
app.get('/__cookie', (_req, res) => res.writeHead(302, { 'set-cookie': 'sid=1', location: `http://127.0.0.1:${port}/customers/7`, server: 'secret/1.0' }).end());
app.put('/__size', (req, res) => {
  let size = 0;
  req.on('data', (chunk) => { size += chunk.length; });
  req.on('end', () => res.json({ size, trailers: req.trailers }));
});
app.use(jsonServer.defaults({ logger: false, noGzip: true }));
app.use(jsonServer.router(dbFile));

const server = createServer(app);
const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (req, socket, head) => {
  hits.push(`UPGRADE ${req.url}`);
  if (req.headers.authorization !== `Bearer ${token}`) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  if (!req.url.startsWith('/__ws')) return socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  sockets.handleUpgrade(req, socket, head, (ws) => ws.on('close', (code) => hits.push(`CLOSED ${code}`)).on('message', (data, binary) => {
    if (req.url !== '/__ws/parts') return ws.send(data, { binary });
    const cut = data.length >> 1;
    ws.send(data.subarray(0, cut), { binary, fin: false });
    ws.ping(data.subarray(0, 125));
    ws.send(data.subarray(cut), { binary, fin: true });
  }));
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
