// A real browser before the approval page: Chromium without a window, driven over its own pipe (the DevTools protocol), as a person does
// it: by the keyboard and the mouse, with scripts switched off where something is decided.
// Usage: node chromium.mjs CERTIFICATE APPROVED DENIED LONG [FOLDER]. CERTIFICATE is the page's own, APPROVED, DENIED and LONG are addresses
// of held commands: kate approves the first and denies the second, and reads the third. With FOLDER it leaves pictures of what it saw
// there, to be looked at. It prints one JSON object of what happened; the end-to-end test says what of it is right.
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [certificate, approved, denied, long, pictures] = process.argv.slice(2);
const key = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' });
const profile = mkdtempSync(join(tmpdir(), 'hoopctl-chromium-'));
const chromium = spawn(process.env.CHROMIUM ?? 'chromium-headless-shell', [
  '--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--no-first-run', '--disable-dev-shm-usage', '--disable-gpu',
  // This one certificate is taken, as if its authority were known; every other one is held against the usual authorities.
  `--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`,
  // Its own walls need rights that root does not give it.
  ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
  'about:blank',
], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
const [, , complaints, to, from] = chromium.stdio;
let said = '';
complaints.on('data', (piece) => { said += piece; });
const late = setTimeout(() => give(new Error('the browser took longer than 90 s')), 90_000);

function give(error) {
  clearTimeout(late);
  if (error) console.error(error.stack ?? error, said);
  chromium.removeAllListeners('exit').once('exit', () => {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    process.exit(error ? 1 : 0);
  });
  // It closes with all of its processes by itself.
  call('Browser.close').catch(() => {});
  setTimeout(() => chromium.kill('SIGKILL'), 5000).unref();
}
chromium.once('exit', () => give(new Error('the browser has ended')));
chromium.once('error', (error) => { console.error(`${error.message}: run tests/setup`); process.exit(1); });
process.on('unhandledRejection', give);

const waiting = new Map();
const listeners = new Set();
let last = 0;
let rest = Buffer.alloc(0);
from.on('data', (piece) => {
  rest = Buffer.concat([rest, piece]);
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    const message = JSON.parse(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
    if (!message.id) { for (const listener of [...listeners]) listener(message); continue; }
    const { done, failed, method } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) failed(new Error(`${method}: ${message.error.message}`)); else done(message.result);
  }
});
const call = (method, params = {}, sessionId) => new Promise((done, failed) => {
  last += 1;
  waiting.set(last, { done, failed, method });
  to.write(`${JSON.stringify({ id: last, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
});
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** A tab of a person whose browser holds nothing yet. */
async function person(name) {
  const { browserContextId } = await call('Target.createBrowserContext');
  const { targetId } = await call('Target.createTarget', { url: 'about:blank', browserContextId, width: 1200, height: 900 });
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
  const ask = (method, params) => call(method, params, sessionId);
  const tab = { ask, complaints: [], documents: [], others: [], sent: [] };
  let loaded;
  listeners.add(({ sessionId: of, method, params }) => {
    if (of !== sessionId) return;
    if (method === 'Page.loadEventFired') loaded?.();
    if (method === 'Page.javascriptDialogOpening') { tab.complaints.push(`a script asked: ${params.message}`); ask('Page.handleJavaScriptDialog', { accept: true }); }
    if (method === 'Log.entryAdded' && params.entry.source !== 'network') tab.complaints.push(params.entry.text);
    if (method === 'Runtime.consoleAPICalled') tab.complaints.push(`console.${params.type}`);
    if (method === 'Runtime.exceptionThrown') tab.complaints.push(params.exceptionDetails.text);
    // That the way to sign in leads over another site is no fault of the page.
    if (method === 'Audits.issueAdded' && params.issue.code !== 'BounceTrackingIssue') tab.complaints.push(JSON.stringify(params.issue));
    if (method === 'Network.requestWillBeSent') (params.type === 'Document' ? tab.documents : tab.others).push(`${params.request.method} ${params.request.url.split('?')[0]}`);
    if (method === 'Network.requestWillBeSentExtraInfo') {
      const names = params.associatedCookies.filter(({ blockedReasons }) => blockedReasons.length === 0).map(({ cookie }) => cookie.name).sort();
      tab.sent.push({ to: `${params.headers[':authority'] ?? params.headers.Host ?? params.headers.host}`, names });
    }
  });
  for (const domain of ['Page', 'Network', 'Log', 'Runtime', 'Audits', 'DOM', 'Accessibility']) await ask(`${domain}.enable`);
  await ask('Network.setExtraHTTPHeaders', { headers: { 'x-person': name } });
  tab.see = async (expression) => (await ask('Runtime.evaluate', { expression, returnByValue: true })).result.value;
  /** Does something that leads to another page, and waits until that is there. */
  tab.onward = async (act) => {
    const there = new Promise((done) => { loaded = done; });
    await act();
    await there;
    await pause(50);
  };
  tab.open = (url) => tab.onward(async () => {
    const { errorText } = await ask('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
  });
  tab.press = async (key, text) => {
    const code = { Tab: 9, Enter: 13 }[key];
    await ask('Input.dispatchKeyEvent', { type: 'keyDown', key, code: key, windowsVirtualKeyCode: code, ...(text ? { text } : {}) });
    await ask('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key, windowsVirtualKeyCode: code });
  };
  tab.write = (text) => ask('Input.insertText', { text });
  /** Clicks the middle of an element, where a person would see it. */
  tab.click = async (selector) => {
    const { root } = await ask('DOM.getDocument');
    const { nodeId } = await ask('DOM.querySelector', { nodeId: root.nodeId, selector });
    await ask('DOM.scrollIntoViewIfNeeded', { nodeId });
    const { quads: [[left, top, right, , , bottom]] } = await ask('DOM.getContentQuads', { nodeId });
    const at = { x: (left + right) / 2, y: (top + bottom) / 2, button: 'left', clickCount: 1 };
    await ask('Input.dispatchMouseEvent', { type: 'mousePressed', ...at });
    await ask('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at });
  };
  tab.cookies = async () => (await call('Storage.getCookies', { browserContextId })).cookies
    .filter(({ name: cookie }) => cookie.includes('hoopctl'))
    .map(({ name: cookie, secure, httpOnly, sameSite, path, domain }) => ({ name: cookie, secure, httpOnly, sameSite, path, domain }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  tab.scripts = (on) => ask('Emulation.setScriptExecutionDisabled', { value: !on });
  tab.picture = async (file) => {
    if (!pictures) return;
    const { data } = await ask('Page.captureScreenshot', { format: 'png' });
    writeFileSync(join(pictures, `${file}.png`), Buffer.from(data, 'base64'));
  };
  /** How wide the page is where the screen is that wide, in either scheme of colours, and what it looks like. */
  tab.resize = async (width, height, scheme, file) => {
    await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await pause(50);
    await tab.picture(file);
    return tab.see('document.documentElement.scrollWidth');
  };
  /** What the Tab key reaches, in its order, by what a screen reader says of it. */
  tab.reached = async () => {
    const reached = [];
    for (let step = 0; step < 40; step += 1) {
      await tab.press('Tab');
      const tag = await tab.see('document.activeElement.tagName');
      if (!tag || tag === 'BODY' || tag === 'HTML') break;
      const { result } = await ask('Runtime.evaluate', { expression: 'document.activeElement' });
      const { nodes: [node] } = await ask('Accessibility.getPartialAXTree', { objectId: result.objectId, fetchRelatives: false });
      const ring = await tab.see('getComputedStyle(document.activeElement).outlineStyle');
      reached.push(`${node.role.value}: ${node.name.value}${ring === 'none' ? ' (unseen)' : ''}`);
    }
    return reached;
  };
  return tab;
}

const text = 'document.body.innerText';
const report = {};
const kate = await person('kate');
await kate.open(approved);
report.cookies = await kate.cookies();
report.documents = kate.documents.splice(0);
report.secure = await kate.see('isSecureContext && location.protocol');
report.page = await kate.see(text);
report.elements = await kate.see("['script','form','b','img','bdo'].map((name) => document.querySelectorAll(name).length)");
report.tree = (await kate.ask('Accessibility.getFullAXTree')).nodes
  .filter(({ ignored, role }) => !ignored && /^(heading|main|banner|region|RootWebArea)$/.test(role.value))
  .map(({ role, name }) => `${role.value}: ${name.value}`);
report.reached = await kate.reached();
report.wide = await kate.resize(1200, 900, 'light', 'wide');
report.narrow = await kate.resize(400, 800, 'light', 'narrow');
report.column = await kate.see('document.querySelector("dd").offsetWidth');
report.ground = await kate.see('[getComputedStyle(document.body).color, matchMedia("(prefers-color-scheme: dark)").matches]');
report.dark = await kate.resize(400, 800, 'dark', 'narrow-dark');
report.darkGround = await kate.see('[getComputedStyle(document.body).color, matchMedia("(prefers-color-scheme: dark)").matches]');
await kate.see('document.querySelector(".decide").scrollIntoView()');
await kate.picture('narrow-dark-forms');
await kate.resize(1200, 900, 'light', 'forms');

// Browsers that hold nothing of hers.
const vic = await person('vic');
await vic.open(approved);
report.viewer = await vic.see(text);
report.viewerPath = vic.documents.splice(0);
const eve = await person('eve');
await eve.open(approved);
report.stranger = await eve.see(text);
report.strangerCookies = await eve.cookies();
await eve.picture('stranger');

// The forms work where no script runs, by the keyboard alone and by the mouse.
await kate.scripts(false);
await kate.open(approved);
for (let step = 0; step < 40; step += 1) {
  await kate.press('Tab');
  if (await kate.see('document.activeElement.name === "connection"')) await kate.write('crm');
  if (await kate.see('document.activeElement.name === "reason"')) await kate.write('INC-4411 äöü');
  if (await kate.see('document.activeElement.value === "once"')) break;
}
kate.sent.length = 0;
await kate.onward(() => kate.press('Enter', '\r'));
report.approved = await kate.see(text);
report.sent = kate.sent.splice(0);
await kate.picture('approved');
kate.documents.length = 0;
await kate.open(denied);
report.again = kate.documents.splice(0);
await kate.click('form:last-of-type textarea');
await kate.write('not <b>today</b>');
await kate.onward(() => kate.click('button[value=deny]'));
report.denied = await kate.see(text);
const began = Date.now();
await kate.open(long);
report.long = { ms: Date.now() - began, width: await kate.resize(400, 800, 'light', 'long'), rows: await kate.see('document.querySelectorAll(".payload li").length'), letters: await kate.see('document.querySelector(".payload").innerText.length') };
await kate.resize(1200, 900, 'light', 'long-wide');
await kate.onward(() => kate.click('header button'));
report.out = await kate.see(text);
report.outCookies = await kate.cookies();
kate.documents.length = 0;
await kate.open(denied);
report.afterwards = kate.documents.splice(0);
report.complaints = [...kate.complaints, ...vic.complaints, ...eve.complaints];
report.others = [...kate.others, ...vic.others, ...eve.others];
console.log(JSON.stringify(report));
give();
