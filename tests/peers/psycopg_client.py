"""psycopg 3 at the server that the PG* variables name. Usage: python psycopg_client.py same|denied|held|masked

`same` prints what must not depend on whether a gateway stands between; BAD is a statement that fails there."""
import os
import sys
import threading
import time

import psycopg

BAD = os.environ.get('BAD', '')


def connect(**more):
    return psycopg.connect(autocommit=True, **more)


def attempt(what, run):
    """Prints what comes of it: a value, or the error as the driver raises it."""
    try:
        print(what, run())
    except psycopg.Error as error:
        at = error.diag.statement_position
        print(what, type(error).__name__, error.sqlstate, f'at {at}' if at else '')


def state(db):
    return db.info.transaction_status.name


def rows(db, table='work'):
    return db.execute(f'SELECT id FROM {table} ORDER BY id').fetchall()


def values(db):
    """Parameters and results, as text and binary."""
    for binary in (False, True):
        cursor = db.cursor(binary=binary)
        cursor.execute('SELECT name, balance, born, id, NULL FROM customers WHERE id = %b AND name <> %t', [7, 'é'])
        print('row', binary, cursor.fetchone())
        cursor.execute('SELECT %s::bytea, %s::text, %s::int, %s::int[]', [b'\0\xff', 'žluťoučký 🐎', None, [1, 2]])
        print('values', binary, cursor.fetchone())
    many = ', '.join(['%s'] * 1000)
    print('many', db.execute(f'SELECT count(*), sum(v) FROM unnest(ARRAY[{many}]) v', list(range(1000))).fetchone())
    print('long', db.execute('SELECT length(%s), md5(%s)', ['é' * 500_000, 'x' * 10]).fetchone())
    print('empty', db.execute('').statusmessage, db.execute('', []).statusmessage)
    total = 0
    cursor = db.execute('SELECT n, repeat(\'x\', 20) FROM generate_series(1, 200000) n')
    for number, _ in cursor:
        total += number
    print('large', cursor.rowcount, total)


def errors(db):
    attempt('syntax', lambda: db.execute('SELECT 1 FRM x'))
    attempt('syntax é', lambda: db.execute("SELECT 'é', %s FRM x", [1]))
    attempt('table', lambda: db.execute('SELECT 1 FROM nowhere'))
    attempt('division', lambda: db.execute('SELECT 1 / %s', [0]))
    print('on', db.execute('SELECT 1').fetchone(), state(db))


def prepared():
    with connect(prepare_threshold=0) as db:
        total = sum(db.execute('SELECT %s::int * 2', [n]).fetchone()[0] for n in range(300))
        db.execute('INSERT INTO work VALUES (%s, %s)', [1, 'prepared'])
        print('prepared', total, db.execute('SELECT count(*) > 1 FROM pg_prepared_statements').fetchone())
        db.execute('DELETE FROM work')
        db.execute('PREPARE p(int) AS SELECT $1 + 1')
        print('execute', db.execute('EXECUTE p(41)').fetchone(), db.execute('DEALLOCATE p').statusmessage)
        attempt('gone', lambda: db.execute('EXECUTE p(41)'))
        db.execute('DEALLOCATE ALL')
        attempt('again', lambda: db.execute('SELECT %s::int * 2', [4]).fetchone())


def pipelines():
    """A statement that fails in the middle of a pipeline: what came of those before and after it."""
    for autocommit in (True, False):
        for synced in (True, False):
            with psycopg.connect(autocommit=autocommit) as db:
                cursors, errors = [], set()

                def step(what):
                    try:
                        what()
                    except psycopg.Error as error:
                        errors.add(error.sqlstate)

                def all_of():
                    with db.pipeline() as pipeline:
                        for number, text in enumerate(['INSERT INTO work VALUES (1)', 'SELECT 2', BAD, 'SELECT 3', 'INSERT INTO work VALUES (2)']):
                            cursors.append(db.cursor())
                            step(lambda: cursors[-1].execute(text))
                            if synced and number in (1, 3):
                                step(pipeline.sync)

                step(all_of)
                # Without a SQLSTATE it is the driver's own: it knew already that there had been an error.
                print('pipeline', sorted(errors - {None}))
                print([cursor.pgresult and cursor.pgresult.status for cursor in cursors], state(db))
                db.rollback()
                print('left', autocommit, synced, rows(db))
                db.execute('DELETE FROM work')
                db.commit()


def transactions(db):
    attempt('string', lambda: db.execute('INSERT INTO work VALUES (7); SELECT 1 / 0; SELECT 1'))
    several = db.execute('SELECT 1; INSERT INTO work VALUES (8); SELECT 2')
    while True:
        print('several', several.statusmessage, several.description and several.fetchall())
        if not several.nextset():
            break
    try:
        with db.transaction():
            db.execute('INSERT INTO work VALUES (9)')
            try:
                with db.transaction():
                    db.execute('INSERT INTO work VALUES (10)')
                    db.execute(BAD)
            except psycopg.Error as error:
                print('savepoint', error.sqlstate, state(db))
            print(rows(db))
            db.execute(BAD)
    except psycopg.Error as error:
        print('transaction', error.sqlstate, state(db))
    print(rows(db), db.execute('DELETE FROM work').rowcount)
    db.execute('DO $$ BEGIN INSERT INTO work VALUES (11); RAISE NOTICE \'from the block\'; END $$')
    print('do', rows(db), db.execute('DELETE FROM work').rowcount)


def cursors(db):
    with db.transaction():
        with db.cursor('named') as named:
            named.itersize = 7
            named.execute('SELECT id FROM orders WHERE id > %s ORDER BY id', [10])
            print('named', named.fetchmany(3), sum(row[0] for row in named))
        with db.cursor('back', scrollable=True) as named:
            named.execute('SELECT id FROM orders ORDER BY id')
            named.scroll(45)
            print('scrolled', named.fetchall(), named.scroll(-2), named.fetchone())


def copies(db):
    with db.cursor() as cursor:
        with cursor.copy('COPY work FROM STDIN') as copy:
            for number in range(20_000):
                copy.write_row((number, f'é {number}' if number % 2 else None))
        print('copied in', cursor.rowcount)
        with cursor.copy('COPY (SELECT * FROM work ORDER BY id) TO STDOUT (FORMAT binary)') as copy:
            copy.set_types(['int4', 'text'])
            read = list(copy.rows())
        print('copied out', len(read), read[:2], sum(row[0] for row in read))
        try:
            with cursor.copy('COPY work FROM STDIN') as copy:
                copy.write_row((1, 'twice'))
        except psycopg.Error as error:
            print('copy', error.sqlstate)
        try:
            with cursor.copy('COPY work FROM STDIN') as copy:
                copy.write_row((-1, 'not meant'))
                raise KeyError('the client changes its mind')
        except KeyError as error:
            print('copy', error)
        print('on', db.execute('DELETE FROM work').rowcount)


def notifications(db):
    with connect() as other:
        db.execute('LISTEN news')
        other.execute('NOTIFY news, \'žluť\'')
        for notify in db.notifies(timeout=5, stop_after=1):
            print('notified', notify.channel, notify.payload)
        db.execute('UNLISTEN news')


def cancelled(db):
    begin = time.monotonic()
    threading.Timer(0.3, db.cancel).start()
    attempt('sleep', lambda: db.execute('SELECT pg_sleep(20)'))
    print('soon', time.monotonic() - begin < 2, db.execute('SELECT 1').fetchone())


def same():
    with connect() as db:
        values(db)
        errors(db)
        prepared()
        pipelines()
        transactions(db)
        cursors(db)
        copies(db)
        notifications(db)
        cancelled(db)


def denied():
    """As somebody who may only read."""
    with connect() as db:
        attempt('read', lambda: db.execute('SELECT name FROM customers WHERE id = %s', [7]).fetchone())
        attempt('write', lambda: db.execute('DELETE FROM work'))
        attempt('write', lambda: db.execute('DELETE FROM work WHERE id = %s', [7]))
        attempt('write', lambda: db.execute('DELETE FROM work WHERE id = %s', [7], prepare=True))
        attempt('many', lambda: db.cursor().executemany('INSERT INTO work VALUES (%s)', [[1], [2]]))
        attempt('syntax', lambda: db.execute("SELECT 'é', %s FRM x", [1]))
        print('state', state(db))
        with db.cursor() as cursor:
            taken = []
            try:
                with cursor.copy('COPY work FROM STDIN') as copy:
                    taken.append(copy.write_row((1, 'x')))
            except psycopg.Error as error:
                print('copy', type(error).__name__, error.sqlstate, len(taken))
        attempt('out', lambda: db.execute("COPY work TO '/tmp/file'"))
        attempt('do', lambda: db.execute('DO $$ BEGIN END $$'))
        try:
            with db.transaction():
                db.execute('SELECT 1')
                attempt('inside', lambda: db.execute('DELETE FROM work'))
                print('state', state(db))
                attempt('after', lambda: db.execute('SELECT 1').fetchone())
                raise psycopg.Rollback()
        finally:
            print('state', state(db))
        db.execute('PREPARE p AS SELECT 1')
        attempt('prepare', lambda: db.execute('PREPARE d AS DELETE FROM work'))
        attempt('execute', lambda: db.execute('EXECUTE d'))
        attempt('execute', lambda: db.execute('EXECUTE p').fetchone())
        # What is made by the extended protocol is known by its name too.
        print('extended prepare', db.execute('PREPARE e AS SELECT 2', binary=True).statusmessage)
        attempt('extended execute', lambda: db.execute('EXECUTE e', binary=True).fetchone())
        with db.transaction(), db.cursor('named') as named:
            print('cursor', named.execute('SELECT id FROM orders ORDER BY id').fetchmany(2))


def held():
    """What waits for people: the first statement is approved, the second is withdrawn."""
    with connect() as db:
        db.add_notice_handler(lambda notice: print(notice.severity, notice.sqlstate, notice.message_primary.split(' ')[:3]))
        attempt('approved', lambda: db.execute('CREATE TABLE made_by_psycopg ()').statusmessage)
        db.add_notice_handler(lambda notice: threading.Thread(target=db.cancel).start())
        attempt('withdrawn', lambda: db.execute('CREATE TABLE never_made (id int)'))
        print('on', db.execute('SELECT %s', ['x'], binary=True).fetchone())


PEOPLE = 'SELECT * FROM people ORDER BY id'


def masked():
    """What comes back of masked columns, however it is asked for."""
    with connect() as db:
        for binary in (False, True):
            print('plain', binary, db.cursor(binary=binary).execute(PEOPLE).fetchall())
            print('values', binary, db.cursor(binary=binary).execute(f'{PEOPLE} LIMIT %s', [1]).fetchall())
            for _ in range(2):
                print('prepared', binary, db.cursor(binary=binary).execute(f'{PEOPLE} LIMIT %s', [2], prepare=True).fetchall())
            with db.transaction(), db.cursor('named', binary=binary) as named:
                named.itersize = 1
                print('named', binary, list(named.execute(PEOPLE)))
            with db.pipeline():
                cursors = [db.cursor(binary=binary).execute(f'{PEOPLE} LIMIT %s', [n]) for n in (1, 2)]
                print('pipeline', binary, [cursor.fetchall() for cursor in cursors])
            print('streamed', binary, list(db.cursor(binary=binary).stream(PEOPLE)))
        print('computed', db.execute('SELECT pin + 1, upper(ssn), phones[1], name FROM people ORDER BY id').fetchall())


{'same': same, 'denied': denied, 'held': held, 'masked': masked}[sys.argv[1]]()
