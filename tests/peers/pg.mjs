// node-postgres at the server that the PG* variables name. Usage: node pg.mjs same|denied|held|masked; see psycopg_client.py.
import pg from 'pg';
import Cursor from 'pg-cursor';

const bad = process.env.BAD;
const say = (...words) => console.log(words.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))).join(' '));
const failure = (error) => `${error.constructor.name} ${error.code} ${error.position ? `at ${error.position}` : ''}`;
const attempt = async (what, coming) => say(what, await coming.then((result) => result.rows, failure));
const connect = async () => {
  const db = new pg.Client();
  await db.connect();
  return db;
};
const ids = async (db) => (await db.query('SELECT id FROM work ORDER BY id')).rows.map((row) => row.id);

async function values(db) {
  for (const binary of [false, true]) {
    const { rows } = await db.query({ text: 'SELECT name, id, NULL AS nothing FROM customers WHERE id = $1', values: [7], binary });
    say('row', binary, rows);
  }
  await attempt('values', db.query('SELECT $1::bytea AS b, $2::text AS t, $3::int AS n, $4::int[] AS a', [Buffer.from([0, 255]), 'žluťoučký 🐎', null, [1, 2]]));
  const many = Array.from({ length: 1000 }, (_, n) => n);
  await attempt('many', db.query(`SELECT count(*), sum(v) FROM unnest(ARRAY[${many.map((n) => `$${n + 1}::int`)}]) v`, many));
  await attempt('long', db.query('SELECT length($1)', ['é'.repeat(500_000)]));
  await attempt('empty', db.query(''));
  const { rows } = await db.query("SELECT n, repeat('x', 20) FROM generate_series(1, 200000) n");
  say('large', rows.length, rows.reduce((sum, row) => sum + row.n, 0));
}

async function prepared(db) {
  let sum = 0;
  for (let n = 0; n < 300; n++) sum += (await db.query({ name: 'double', text: 'SELECT $1::int * 2 AS n', values: [n] })).rows[0].n;
  say('prepared', sum);
  await db.query('PREPARE p(int) AS SELECT $1 + 1 AS n');
  await attempt('execute', db.query('EXECUTE p(41)'));
  await db.query('DEALLOCATE p');
}

// Queries that wait in the client for one another, one of them wrong; outside and inside of a transaction.
async function queued(db) {
  for (const [first, last] of [['SELECT 1', 'SELECT 1'], ['BEGIN', 'COMMIT']]) {
    const texts = [first, 'INSERT INTO work VALUES (1)', bad, 'INSERT INTO work VALUES (2)', last];
    const results = await Promise.allSettled(texts.map((text) => db.query(text)));
    say('queued', results.map((result) => result.value?.command ?? result.reason.code), await ids(db));
    await db.query('DELETE FROM work');
    const extended = await Promise.allSettled(texts.map((text) => db.query({ text, queryMode: 'extended' })));
    say('queued', extended.map((result) => result.value?.command ?? result.reason.code), await ids(db));
    await db.query('DELETE FROM work');
  }
  const several = await db.query('SELECT 1 AS a; INSERT INTO work VALUES (8); SELECT 2 AS b');
  say('several', several.map((result) => [result.command, result.rowCount, result.rows]));
  await attempt('string', db.query('INSERT INTO work VALUES (9); SELECT 1 / 0; SELECT 1'));
  await attempt('syntax', db.query("SELECT 'é', $1::int FRM x", [1]));
  await attempt('division', db.query('SELECT 1 / $1::int', [0]));
  await db.query('DO $$ BEGIN INSERT INTO work VALUES (11); END $$');
  say('left', await ids(db), (await db.query('DELETE FROM work')).rowCount);
}

async function cursors(db) {
  await db.query('BEGIN');
  const cursor = db.query(new Cursor('SELECT id FROM orders WHERE id > $1 ORDER BY id', [10]));
  const read = [];
  for (let rows = await cursor.read(7); rows.length > 0; rows = await cursor.read(7)) read.push(rows.map((row) => row.id));
  say('cursor', read);
  await cursor.close();
  const early = db.query(new Cursor('SELECT id FROM orders ORDER BY id'));
  say('early', await early.read(2));
  await early.close();
  await db.query('COMMIT');
}

async function notifications(db) {
  const other = await connect();
  const heard = new Promise((resolve) => db.once('notification', resolve));
  await db.query('LISTEN news');
  await other.query("NOTIFY news, 'žluť'");
  const { channel, payload } = await heard;
  say('notified', channel, payload);
  await other.end();
}

const modes = {
  async same(db) {
    for (const part of [values, prepared, queued, cursors, notifications]) await part(db);
  },

  // As somebody who may only read.
  async denied(db) {
    await attempt('read', db.query('SELECT name FROM customers WHERE id = $1', [7]));
    await attempt('write', db.query('DELETE FROM work'));
    await attempt('write', db.query('DELETE FROM work WHERE id = $1', [7]));
    await attempt('write', db.query({ name: 'named', text: 'DELETE FROM work WHERE id = $1', values: [7] }));
    await attempt('again', db.query({ name: 'named', text: 'DELETE FROM work WHERE id = $1', values: [7] }));
    await attempt('copy', db.query('COPY work FROM STDIN'));
    await attempt('syntax', db.query("SELECT 'é', $1::int FRM x", [1]));
    await db.query('BEGIN');
    await attempt('inside', db.query('DELETE FROM work WHERE id = $1', [7]));
    await attempt('after', db.query('SELECT 1 AS n'));
    await db.query('ROLLBACK');
    await attempt('on', db.query('SELECT $1::text AS t', ['x']));
  },

  // What waits for people: the first statement is approved, the second is withdrawn.
  async held(db) {
    const noticed = () => new Promise((resolve) => db.once('notice', resolve));
    const tell = ({ severity, code, message }) => say(severity, code, message.split(' ').slice(0, 3));
    const first = noticed();
    const approved = db.query('CREATE TABLE made_by_node ()');
    tell(await first);
    say('approved', (await approved).command);
    const second = noticed();
    const withdrawn = db.query(new pg.Query('CREATE TABLE never_made (id int)', (error) => say('withdrawn', failure(error))));
    tell(await second);
    new pg.Client().cancel(db, withdrawn);
    await attempt('on', db.query('SELECT $1::text AS t', ['x']));
  },

  // What comes back of masked columns, however it is asked for.
  async masked(db) {
    const people = 'SELECT id, name, ssn, credit_card, pin, salary, phones, marks FROM people ORDER BY id';
    const tell = (what, { rows }) => say(what, rows.map(Object.values));
    tell('plain', await db.query(people));
    for (const binary of [false, true]) {
      tell(`values ${binary}`, await db.query({ text: `${people} LIMIT $1`, values: [1], binary }));
      for (let n = 0; n < 2; n++) tell(`named ${binary}`, await db.query({ name: `named ${binary}`, text: `${people} LIMIT $1`, values: [2], binary }));
    }
    const cursor = db.query(new Cursor(people));
    tell('cursor', { rows: [...(await cursor.read(1)), ...(await cursor.read(1))] });
    await cursor.close();
    tell('computed', await db.query('SELECT pin + 1 AS a, upper(ssn) AS b, phones[1] AS c, name FROM people ORDER BY id'));
  },
};

const db = await connect();
await modes[process.argv[2]](db);
await db.end();
