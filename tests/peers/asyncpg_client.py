"""asyncpg at the server that the PG* variables name; all it sends is in the extended protocol and in binary.

Usage: python asyncpg_client.py same|denied|held|masked; see psycopg_client.py."""
import asyncio
import datetime
import os
import sys
import time

import asyncpg

BAD = os.environ.get('BAD', '')


async def attempt(what, coming):
    """Prints what comes of it: a value, or the error as the driver raises it."""
    try:
        print(what, await coming)
    except asyncpg.PostgresError as error:
        print(what, type(error).__name__, error.sqlstate, f'at {error.position}' if error.position else '')


async def ids(db):
    return [row[0] for row in await db.fetch('SELECT id FROM work ORDER BY id')]


async def values(db):
    print('row', tuple(await db.fetchrow('SELECT name, balance, born, NULL FROM customers WHERE id = $1', 7)))
    row = await db.fetchrow('SELECT $1::bytea, $2::text, $3::int, $4::int[], $5::date, $6::float8', b'\0\xff', 'žluťoučký 🐎', None,
                            [1, 2], datetime.date(2024, 2, 29), 0.1)
    print('values', tuple(row))
    many = ', '.join(f'${n}::int' for n in range(1, 1001))
    print('many', tuple(await db.fetchrow(f'SELECT count(*), sum(v) FROM unnest(ARRAY[{many}]) v', *range(1000))))
    print('long', await db.fetchval('SELECT length($1::text)', 'é' * 500_000))
    print('empty', await db.fetch(''))
    rows = await db.fetch('SELECT n, repeat(\'x\', 20) FROM generate_series(1, 200000) n')
    print('large', len(rows), sum(row[0] for row in rows))


async def prepared(db):
    statement = await db.prepare('SELECT $1::int * 2')
    print('prepared', sum([await statement.fetchval(n) for n in range(300)]))
    await db.executemany('INSERT INTO work VALUES ($1, $2)', [(n, f'note {n}') for n in range(500)])
    print('many', len(await ids(db)))
    await attempt('twice', db.executemany('INSERT INTO work VALUES ($1)', [(1000,), (1001,), (1,), (1002,)]))
    print('left', len(await ids(db)), db.is_in_transaction())
    try:
        await db.executemany(BAD, [()])
    except asyncpg.PostgresError as error:
        print('bad', error.sqlstate)
    await db.execute('DELETE FROM work')
    await db.execute('PREPARE p(int) AS SELECT $1 + 1')
    print('execute', await db.fetchval('EXECUTE p(41)'))
    await db.execute('DEALLOCATE p')


async def transactions(db):
    print('string', await db.execute('INSERT INTO work VALUES (1); SELECT 1; INSERT INTO work VALUES (2)'))
    await attempt('string', db.execute('INSERT INTO work VALUES (3); SELECT 1 / 0'))
    transaction = db.transaction()
    await transaction.start()
    await db.execute('INSERT INTO work VALUES ($1)', 4)
    try:
        async with db.transaction():
            await db.execute('INSERT INTO work VALUES (5)')
            await db.fetch(BAD)
    except asyncpg.PostgresError as error:
        print('savepoint', error.sqlstate, await ids(db))
    try:
        await db.execute(BAD)
    except asyncpg.PostgresError as error:
        print('transaction', error.sqlstate)
    await attempt('aborted', db.fetchval('SELECT 1'))
    await transaction.rollback()
    print('left', await ids(db))
    await attempt('syntax', db.fetch("SELECT 'é', $1::int FRM x", 1))
    await attempt('division', db.fetch('SELECT 1 / $1::int', 0))
    await db.execute('DELETE FROM work')
    await db.execute('DO $$ BEGIN INSERT INTO work VALUES (11); END $$')
    print('do', await ids(db), await db.execute('DELETE FROM work'))


async def cursors(db):
    async with db.transaction():
        cursor = await db.cursor('SELECT id FROM orders WHERE id > $1 ORDER BY id', 10)
        print('cursor', [row[0] for row in await cursor.fetch(3)], await cursor.forward(30), [row[0] for row in await cursor.fetch(9)])
        print('iterated', sum([row[0] async for row in db.cursor('SELECT id FROM orders', prefetch=7)]))


async def copies(db):
    records = [(n, None if n % 3 == 0 else f'é {n}') for n in range(20_000)]
    print('copied in', await db.copy_records_to_table('work', records=records))
    read = bytearray()

    async def sink(data):
        read.extend(data)

    print('copied out', await db.copy_from_query('SELECT * FROM work WHERE id < $1 ORDER BY id', 3, output=sink), bytes(read))
    await attempt('copy', db.copy_records_to_table('work', records=[(1, 'twice')]))
    print('on', await db.execute('DELETE FROM work'))


async def notifications(db):
    heard = asyncio.Queue()
    await db.add_listener('news', lambda _db, _pid, channel, payload: heard.put_nowait((channel, payload)))
    other = await asyncpg.connect()
    await other.execute("SELECT pg_notify('news', $1)", 'žluť')
    print('notified', await asyncio.wait_for(heard.get(), 5))
    await other.close()
    await db.reset()


async def cancelled(db):
    begin = time.monotonic()
    try:
        await db.execute('SELECT pg_sleep(20)', timeout=0.3)
    except asyncio.TimeoutError:
        print('sleep', 'timed out', await db.fetchval('SELECT 1'), time.monotonic() - begin < 2)


async def pooled():
    async with asyncpg.create_pool(min_size=2, max_size=2) as pool:
        async def one(number):
            async with pool.acquire() as db:
                return await db.fetchval('SELECT $1::int * 2', number)
        print('pool', sum(await asyncio.gather(*[one(n) for n in range(20)])))


async def same():
    db = await asyncpg.connect()
    for part in (values, prepared, transactions, cursors, copies, notifications, cancelled):
        await part(db)
    await db.close()
    await pooled()


async def denied():
    db = await asyncpg.connect()
    await attempt('read', db.fetchval('SELECT name FROM customers WHERE id = $1', 7))
    await attempt('write', db.execute('DELETE FROM work'))
    await attempt('write', db.execute('DELETE FROM work WHERE id = $1', 7))
    await attempt('prepare', db.prepare('DELETE FROM work'))
    await attempt('many', db.executemany('INSERT INTO work VALUES ($1)', [(1,), (2,)]))
    await attempt('syntax', db.fetch("SELECT 'é', $1::int FRM x", 1))
    await attempt('copy', db.copy_records_to_table('work', records=[(1, 'x')] * 1000))
    transaction = db.transaction()
    await transaction.start()
    await attempt('inside', db.execute('DELETE FROM work WHERE id = $1', 7))
    await attempt('after', db.fetchval('SELECT 1'))
    await transaction.rollback()
    await attempt('on', db.fetchval('SELECT $1::text', 'x'))
    await db.close()


async def held():
    db = await asyncpg.connect()
    noticed = asyncio.Queue()

    def notice(_db, message):
        print(message.severity, message.sqlstate, message.message.split(' ')[:3])
        noticed.put_nowait(message)

    db.add_log_listener(notice)
    await attempt('approved', db.execute('CREATE TABLE made_by_asyncpg ()'))
    await noticed.get()
    waiting = asyncio.create_task(db.execute('CREATE TABLE never_made (id int)'))
    await noticed.get()
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        print('withdrawn')
    print('on', await db.fetchval('SELECT $1::text', 'x'))
    await db.close()


PEOPLE = 'SELECT * FROM people ORDER BY id'


async def masked():
    """What comes back of masked columns, however it is asked for."""
    db = await asyncpg.connect()

    def tell(what, rows):
        print(what, [tuple(row) for row in rows])

    tell('plain', await db.fetch(PEOPLE))
    tell('values', await db.fetch(f'{PEOPLE} LIMIT $1', 1))
    statement = await db.prepare(f'{PEOPLE} LIMIT $1')
    for _ in range(2):
        tell('prepared', await statement.fetch(2))
    async with db.transaction():
        tell('cursor', [row async for row in db.cursor(PEOPLE, prefetch=1)])
        cursor = await db.cursor(PEOPLE)
        tell('forward', [await cursor.fetchrow(), await cursor.fetchrow()])
    tell('computed', await db.fetch('SELECT pin + 1, upper(ssn), phones[1], name FROM people ORDER BY id'))
    await db.close()


asyncio.run({'same': same, 'denied': denied, 'held': held, 'masked': masked}[sys.argv[1]]())
