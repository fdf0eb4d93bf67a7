// A client of a WebSocket. Usage: node socket.mjs URL TOKEN. It says one word, and when the stream ends prints what came back, with which code
// the stream was closed, and why.
import WebSocket from 'ws';

const [url, token] = process.argv.slice(2);
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
const said = [];
socket.on('open', () => socket.send('hello'));
socket.on('message', (data) => said.push(data.toString()));
socket.on('error', (error) => console.log('error', error.message));
socket.on('close', (code, reason) => console.log(said.join(), code, reason.toString()));
