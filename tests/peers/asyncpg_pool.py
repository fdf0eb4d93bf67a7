"""asyncpg's own pool, as it is: each time a connection comes back it is cleaned up with several statements.

Usage: python asyncpg_pool.py; the PG* variables name the server."""
import asyncio

import asyncpg


async def main():
    async with asyncpg.create_pool(min_size=1, max_size=3) as pool:
        def heard(*_):
            pass

        async def one(n):
            async with pool.acquire() as db:
                await db.execute(f"SET application_name = 'worker {n}'")
                await db.add_listener('events', heard)
                await db.execute("SELECT pg_advisory_unlock(1)")
                name = await db.fetchval('SELECT name FROM customers WHERE id = $1', n % 20 + 1)
                await db.remove_listener('events', heard)
                return name

        names = await asyncio.gather(*(one(n) for n in range(30)))
        print(len(names), len(set(names)))
        # Nothing of the one before is left for the next.
        async with pool.acquire() as db:
            print(await db.fetchval('SHOW application_name'), await db.fetchval("SELECT count(*) FROM pg_cursors WHERE name <> ''"))
        # A connection that was in a transaction that failed comes back clean, too.
        try:
            async with pool.acquire() as db:
                await db.execute('BEGIN')
                await db.execute('DELETE FROM orders')
        except asyncpg.PostgresError as error:
            print(error.sqlstate)
        async with pool.acquire() as db:
            print(db.is_in_transaction(), await db.fetchval('SELECT count(*) FROM orders'))
        await pool.expire_connections()
        print(await pool.fetchval('SELECT 40 + 2'))


asyncio.run(main())
