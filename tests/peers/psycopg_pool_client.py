"""psycopg's own pool, as it is: it rolls back what is left open, and makes a connection anew that is broken.

Usage: python psycopg_pool_client.py; the PG* variables name the server."""
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg_pool import ConnectionPool


def main():
    with ConnectionPool('', min_size=2, max_size=4, check=ConnectionPool.check_connection) as pool:
        pool.wait(timeout=20)

        def one(n):
            with pool.connection() as db:
                return db.execute('SELECT name FROM customers WHERE id = %s', [n % 20 + 1]).fetchone()[0]

        with ThreadPoolExecutor(8) as threads:
            names = list(threads.map(one, range(30)))
        print(len(names), len(set(names)))
        # A transaction that failed leaves nothing for the next one.
        try:
            with pool.connection() as db:
                db.execute('DELETE FROM orders')
        except psycopg.Error as error:
            print(error.sqlstate)
        with pool.connection() as db:
            print(db.info.transaction_status.name, db.execute('SELECT count(*) FROM orders').fetchone()[0])
        # Whoever gives one back in the middle of a transaction breaks nobody else's.
        db = pool.getconn()
        db.execute('SELECT 1')
        pool.putconn(db)
        with pool.connection() as db, db.pipeline():
            rows = [db.execute('SELECT %s::int', [n]) for n in (40, 2)]
            print(sum(row.fetchone()[0] for row in rows))


main()
