// The person who signs in with `hoopctl login`, at a real issuer with pages for logging in and consenting (oidc-provider's own, see SIGN_IN
// in ../issuer.mjs). The browser is a loop that follows redirects and fills in forms.
// Usage: node sign_in.mjs browser URL [WHO]         the address that `hoopctl login` prints; ends at its page on the loopback address
//        node sign_in.mjs device URI CODE [WHO]     what `hoopctl login --device` prints
// WHO is ada unless it is said. With DECLINE set she goes back from the first page that asks. It prints one line for each page, then the text
// of the last one; it ends with 1 where that is not a good end.
const [mode, start, ...rest] = process.argv.slice(2);
const code = mode === 'device' ? rest.shift() : undefined;
const who = rest[0] ?? 'ada';
const say = (...words) => console.log(words.join(' '));

const jars = new Map();
const request = async (at, form) => {
  const jar = jars.get(at.host) ?? new Map();
  jars.set(at.host, jar);
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const reply = await fetch(at, {
    redirect: 'manual', headers: { cookie }, ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
  });
  for (const line of reply.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    if (value) jar.set(name, value); else jar.delete(name);
  }
  return reply;
};

const attribute = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1].replaceAll('&amp;', '&');
const text = (html) => html.replace(/<(style|script)[\s\S]*?<\/\1>/g, ' ').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();

/** What is sent with the form on a page; undefined where there is none. */
const fill = (html, at) => {
  const form = /<form[\s\S]*?<\/form>/.exec(html)?.[0];
  if (!form) return undefined;
  const fields = {};
  for (const [tag] of form.matchAll(/<(input|button)\b[^>]*>/g)) {
    const name = attribute(tag, 'name');
    const submits = tag.startsWith('<button');
    if (!name || (submits && name === 'abort')) continue;
    fields[name] = { login: who, password: 'any', user_code: code }[name] ?? attribute(tag, 'value') ?? '';
  }
  // The page that asks whether the code is one's own confirms by a script.
  if ('user_code' in fields && /confirm/i.test(form) && !('confirm' in fields) && /device/i.test(html) && fields.user_code
    && attribute(/<input[^>]*name="user_code"[^>]*>/.exec(form)[0], 'type') === 'hidden') fields.confirm = 'yes';
  return { to: new URL(attribute(form, 'action') ?? at.href, at), fields };
};

const first = new URL(start);
let at = first;
let reply = await request(at);
for (let hop = 0; ; hop += 1) {
  if (hop > 30) throw new Error('the browser goes in circles');
  const location = reply.headers.get('location');
  if (reply.status >= 300 && reply.status < 400 && location) {
    at = new URL(location, at);
    reply = await request(at);
    continue;
  }
  const html = await reply.text();
  if (mode === 'browser' && at.host !== first.host) {
    say('end', reply.status, at.origin === `http://127.0.0.1:${at.port}` ? 'at the loopback address' : at.origin);
    say(text(html));
    process.exit(reply.status === 200 ? 0 : 1);
  }
  const form = reply.status === 200 ? fill(html, at) : undefined;
  if (!form) {
    say('end', reply.status, 'at the issuer');
    say(text(html));
    process.exit(mode === 'device' && reply.status === 200 && /success/i.test(html) ? 0 : 1);
  }
  say('page', Object.keys(form.fields).sort().join(' '));
  const abort = /href="([^"]*\/abort)"/.exec(html)?.[1];
  if (process.env.DECLINE && abort) {
    at = new URL(abort, at);
    reply = await request(at);
    continue;
  }
  at = form.to;
  reply = await request(at, form.fields);
}
