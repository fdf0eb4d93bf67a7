// A browser of one person, without a window: it follows redirects, keeps cookies, reads forms and sends them as browsers do.
// Usage: node browser.mjs ADDRESS PERSON DECISION [REASON]. It signs in where it is led, prints the page as lines, and if DECISION is a
// button of it (once, all, deny) presses that and prints what came of it. ORIGIN and KEY stand in for what a page of another site sends.
import http from 'node:http';

const [address, person, decision, reason = ''] = process.argv.slice(2);
const jar = new Map();
const say = (...words) => console.log(words.join(' '));

/** Cookies of one host go to all of its ports, as in browsers. */
const send = (method, at, headers = {}, body = '') => new Promise((done, failed) => {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const request = http.request(at, {
    method,
    headers: { 'x-person': person, 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', ...(cookie ? { cookie } : {}), ...headers },
  }, (reply) => {
    const pieces = [];
    reply.on('data', (piece) => pieces.push(piece));
    reply.on('end', () => {
      for (const line of reply.headers['set-cookie'] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (/max-age=0/i.test(line) || value === '') jar.delete(name);
        else jar.set(name, value);
      }
      done({ status: reply.statusCode, headers: reply.headers, text: Buffer.concat(pieces).toString() });
    });
  });
  request.on('error', failed);
  request.end(body);
});

async function open(start) {
  let at = new URL(start);
  for (let hop = 0; hop < 20; hop += 1) {
    const reply = await send('GET', at);
    const location = reply.headers.location;
    if (!location) return { at, ...reply };
    at = new URL(location, at);
  }
  throw new Error('the browser goes in circles');
}

const unescaped = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'")
  .replaceAll('&#96;', '`').replaceAll('&amp;', '&');
const lines = (page) => unescaped(page.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, '\n')).split('\n').filter((line) => line.trim());

const page = await open(address);
say('at', page.at.pathname, page.status);
for (const line of lines(page.text)) say('|', line);
const api = await send('GET', new URL('/v1/status', address));
say('api', api.status);
const form = [...page.text.matchAll(/<form .*?<\/form>/gs)].map(([text]) => text).find((text) => text.includes(`value="${decision}"`));
if (decision !== 'none') {
  if (!form) {
    say('no such button');
  } else {
    const fields = new URLSearchParams();
    for (const [, name, value] of form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)) fields.set(name, unescaped(value));
    if (process.env.KEY) fields.set('key', process.env.KEY);
    const [, connection] = /<dt>Connection<\/dt><dd class="text">([^<]*)</.exec(page.text);
    if (form.includes('name="connection"')) fields.set('connection', unescaped(connection));
    fields.set('reason', reason);
    fields.set('decision', decision);
    const action = new URL(/action="([^"]*)"/.exec(form)[1], page.at);
    const headers = {
      origin: process.env.ORIGIN ?? page.at.origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded',
    };
    const sent = await send('POST', action, headers, fields.toString());
    say('sent', sent.status);
    const after = sent.headers.location ? await open(new URL(sent.headers.location, page.at)) : sent;
    for (const line of lines(after.text)) say('>', line);
  }
}
