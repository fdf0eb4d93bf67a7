// A client of MCP in JavaScript that goes through a plan of plans.json and prints one line for each step. The steps, the
// lines and the environment are those of client.py. Usage: node client.mjs sdk|auto|legacy|2026-07-28; sdk is the package
// @modelcontextprotocol/sdk, the others are modes of @modelcontextprotocol/client.
import { readFileSync } from 'node:fs';

const mode = process.argv[2] ?? 'auto';
const { MCP_URL, MCP_COMMAND, MCP_TOKEN, MCP_PLAN = 'fixture', MCP_STEPS, MCP_DENIED, MCP_HELD, MCP_LONG = '2' } = process.env;
const plan = JSON.parse(readFileSync(new URL('plans.json', import.meta.url)))[MCP_PLAN];
const say = (...words) => console.log(words.map((word) => (typeof word === 'string' ? word.replaceAll('\n', '\\n') : JSON.stringify(word))).join(' '));

const user = { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } };
const answer = (request) => {
  say('asked', request.params.message);
  return user;
};
const options = { requestInit: { headers: MCP_TOKEN ? { authorization: `Bearer ${MCP_TOKEN}` } : {} } };
const capabilities = { elicitation: {} };
const self = { name: 'client.mjs', version: '1' };

async function connect() {
  let client, Http, Stdio;
  if (mode === 'sdk') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { ElicitRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
    ({ StreamableHTTPClientTransport: Http } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js'));
    ({ StdioClientTransport: Stdio } = await import('@modelcontextprotocol/sdk/client/stdio.js'));
    client = new Client(self, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, answer);
  } else {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    Http = StreamableHTTPClientTransport;
    ({ StdioClientTransport: Stdio } = await import('@modelcontextprotocol/client/stdio'));
    const negotiation = ['auto', 'legacy'].includes(mode) ? mode : { pin: mode };
    client = new Client(self, { capabilities, versionNegotiation: { mode: negotiation } });
    client.setRequestHandler('elicitation/create', answer);
  }
  const words = JSON.parse(MCP_COMMAND ?? '[]');
  const transport = words.length > 0
    ? new Stdio({ command: words[0], args: words.slice(1), env: process.env, stderr: 'ignore' })
    : new Http(new URL(MCP_URL), options);
  // The older package tells the revision to its transport only.
  let told;
  const tell = transport.setProtocolVersion;
  transport.setProtocolVersion = (revision) => {
    told = revision;
    tell?.call(transport, revision);
  };
  await client.connect(transport);
  say('connected', client.getNegotiatedProtocolVersion?.() ?? told ?? 'unknown', client.getServerVersion()?.name ?? 'unnamed');
  return { client, transport };
}

const wordsOf = (result) => [
  result.isError ? 'error' : 'ok',
  ...(result.content ?? []).map((block) => block.text ?? block.type),
  ...(result.structuredContent === undefined ? [] : [result.structuredContent]),
];

async function step(client, name) {
  const call = async ([tool, args], more) => {
    const params = { name: tool, arguments: args };
    return wordsOf(await (mode === 'sdk' ? client.callTool(params, undefined, more) : client.callTool(params, more)));
  };
  switch (name) {
    case 'tools': {
      const names = [];
      let cursor;
      do {
        const page = await client.listTools(cursor === undefined ? undefined : { cursor });
        names.push(...page.tools.map((tool) => tool.name));
        cursor = page.nextCursor;
      } while (cursor);
      return [...new Set(names)];
    }
    case 'unknown': return call(['no_such_tool', {}]);
    case 'denied': return call([MCP_DENIED, {}]);
    case 'again': return call(plan.echo);
    case 'held': {
      const [tool, argument] = plan.held;
      for (let told = 0; ; told += 1) {
        const words = await call([tool, { [argument]: MCP_HELD }]);
        if (words[0] === 'ok' || !words[1].includes('the same arguments')) return [`asked again ${told} times`, ...words];
      }
    }
    case 'resource':
      return (await client.readResource({ uri: plan.resource })).contents.map((content) => (content.text ?? 'blob').slice(0, 80).split('\n')[0]);
    case 'prompt':
      return (await client.getPrompt({ name: plan.prompt[0], arguments: plan.prompt[1] })).messages.map(({ content }) => content.text ?? content.type);
    case 'progress': {
      const seen = [];
      const result = await call(plan.progress, { onprogress: ({ progress, total }) => seen.push(`${progress}/${total}`) });
      return [...seen, ...result];
    }
    case 'long': {
      const [tool, argument, unit] = plan.long;
      return call([tool, { [argument]: Number(MCP_LONG) * unit }], { timeout: (Number(MCP_LONG) + 30) * 1000 });
    }
    default: return call(plan[name]);
  }
}

const steps = ['tools', 'echo', 'fail', 'unknown', 'records', 'ask', 'resource', 'prompt', 'progress', 'long', 'denied', 'again'];
const wanted = (name) => (name in plan && name !== 'held') || ['tools', 'unknown'].includes(name) || (['denied', 'again'].includes(name) && MCP_DENIED);
try {
  const { client, transport } = await connect();
  for (const name of MCP_STEPS ? MCP_STEPS.split(' ') : steps.filter(wanted)) {
    await step(client, name).then(
      (words) => say(name, ...words),
      (error) => say(name, 'raised', error.constructor.name, ...(error.code === undefined ? [] : [String(error.code)]), error.message),
    );
  }
  await transport.terminateSession?.();
  await client.close();
  say('closed');
} catch (error) {
  say('broken', `${error.constructor.name}: ${error.message}`);
  process.exitCode = 1;
}
