// The pool of node-postgres, as it is: connections are checked out, used, and given back; one that failed is thrown away.
// Usage: node pg_pool.mjs; the PG* variables name the server.
import pg from 'pg';

const pool = new pg.Pool({ max: 3, idleTimeoutMillis: 50 });
const names = await Promise.all([...Array(30).keys()].map((n) =>
  pool.query('SELECT name FROM customers WHERE id = $1', [(n % 20) + 1]).then(({ rows }) => rows[0].name)));
console.log(names.length, new Set(names).size);
const client = await pool.connect();
try {
  await client.query('BEGIN');
  await client.query('DELETE FROM orders');
} catch (error) {
  console.log(error.code);
  await client.query('ROLLBACK');
}
client.release();
console.log((await pool.query('SELECT count(*)::int AS n FROM orders')).rows[0].n);
const broken = await pool.connect();
broken.release(new Error('thrown away'));
console.log((await pool.query('SELECT 40 + 2 AS n')).rows[0].n);
await pool.end();
