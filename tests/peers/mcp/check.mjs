// Holds what is here against itself, without a gateway: the conformance suite, through the shim, and each client, against
// mcp-fixture; and the clients against npm's server-everything. Usage: node check.mjs. Exit code 1, and what differs on the
// standard error, unless all is as expected.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const fixture = here('../../../target/mcp-fixture/debug/mcp-fixture');
const everything = here('../node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const python = (version) => here(`../venv-mcp${version}/bin/python`);
const token = 'token-of-the-check';
for (const file of [fixture, everything, python(1), python(2)]) {
  if (!existsSync(file)) {
    console.error(`check: ${file} is missing; run tests/setup`);
    process.exit(1);
  }
}

const children = [];
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
const serve = (program, args, env) => {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  return child;
};
async function serveFixture() {
  const child = serve(fixture, [], { MCP_FIXTURE_TOKEN: token });
  const [line] = await once(child.stdout, 'data');
  return `${line}`.trim();
}
async function serveEverything() {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  await once(free, 'close');
  serve(process.execPath, ['-r', here('loopback.cjs'), everything, 'streamableHttp'], { PORT: port });
  const url = `http://127.0.0.1:${port}/mcp`;
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(url).then(() => true, () => false)) return url;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`server-everything does not answer at ${url} within 10 s`);
}

let failed = 0;
async function run(what, program, args, env, wrong) {
  const begun = Date.now();
  const result = await new Promise((done) => {
    const options = { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env }, timeout: 120_000, maxBuffer: 1 << 24 };
    execFile(program, args, options, (error, out, err) => done({ code: error ? (error.code ?? error.signal) : 0, out, err }));
  });
  const why = result.code === 0 ? wrong(result.out) : `exit code ${result.code}`;
  const time = `${((Date.now() - begun) / 1000).toFixed(1)} s`;
  console.log(`${why ? 'failed' : 'ok'} ${what} ${time}`);
  if (why) {
    failed += 1;
    console.error(`check: ${what}: ${why}\n${result.out}${result.err}`);
  }
}

// What every client must see: the revision, and its lines, without the words of its own errors.
const told = {
  fixture: [
    'echo ok Echo: žluťoučký 🐎',
    'fail error This tool intentionally returns an error for testing',
    'unknown raised',
    'asked Who are you?',
    'ask ok User response: {"action":"accept","content":{"username":"ada","email":"ada@example.com"}}',
    'resource Ada Lovelace, ada@example.com, GB82WEST12345698765432',
    'prompt Prompt with arguments: arg1=\'hello\', arg2=\'world\'',
    'progress 0/3 1/3 2/3 3/3 ok Waited 300 ms in 3 steps.',
    'long ok Waited 1000 ms in 1 steps.',
    'again ok Echo: žluťoučký 🐎',
    'closed',
  ],
  everything: [
    'echo ok Echo: žluťoučký 🐎',
    'resource # Everything Server – Architecture',
    'progress 1/3 2/3 3/3 ok Long running operation completed. Duration: 0.3 seconds, Steps: 3.',
    'closed',
  ],
};
const compare = (plan, revision) => (out) => {
  const lines = out.split('\n').map((line) => line.replace(/^(\w+ raised) .*/, '$1'));
  if (!lines[0].startsWith(`connected ${revision}`)) return `${lines[0]}, expected revision ${revision}`;
  const missing = told[plan].find((line) => !lines.includes(line));
  return missing && `no line: ${missing}`;
};

const clients = [
  ['py2 auto', python(2), ['client.py', 'auto'], '2026-07-28'],
  ['py2 legacy', python(2), ['client.py', 'legacy'], '2025-11-25'],
  ['py2 2026-07-28', python(2), ['client.py', '2026-07-28'], '2026-07-28'],
  ['py1', python(1), ['client.py', 'legacy'], '2025-11-25'],
  ['ts1', process.execPath, ['client.mjs', 'sdk'], '2025-11-25'],
  ['ts2 auto', process.execPath, ['client.mjs', 'auto'], '2026-07-28'],
  ['ts2 legacy', process.execPath, ['client.mjs', 'legacy'], '2025-11-25'],
  ['ts2 2026-07-28', process.execPath, ['client.mjs', '2026-07-28'], '2026-07-28'],
];

const direct = await serveFixture();
const other = await serveEverything();
const revisions = ['2025-11-25', '2026-07-28'].map((revision) => {
  const args = [here('conformance.mjs'), direct, revision, '--against', here(`expected-${revision}.txt`)];
  return run(`conformance ${revision}`, process.execPath, args, { MCP_TOKEN: token }, () => undefined);
});
async function runClient([name, program, [file, mode], revision]) {
  const args = [here(file), mode];
  const env = { MCP_URL: direct, MCP_TOKEN: token, MCP_PLAN: 'fixture', MCP_LONG: '1', MCP_DENIED: 'no_such_tool' };
  await run(`${name} at mcp-fixture`, program, args, env, compare('fixture', revision));
  // The pinned modes want a server of the new revision.
  if (mode.startsWith('20')) return;
  const steps = { MCP_URL: other, MCP_TOKEN: '', MCP_PLAN: 'everything', MCP_STEPS: 'echo resource progress' };
  await run(`${name} at server-everything`, program, args, steps, compare('everything', '2025-11-25'));
}
// Two at a time, one of each language.
const rows = [clients.filter(([name]) => name.startsWith('py')), clients.filter(([name]) => name.startsWith('ts'))];
await Promise.all(rows.map(async (row) => {
  for (const client of row) await runClient(client);
}));
await Promise.all(revisions);
process.exit(failed > 0 ? 1 : 0);
