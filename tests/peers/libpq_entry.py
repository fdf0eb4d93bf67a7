"""The ways into a server of PostgreSQL that libpq has since version 17 and 18. Usage: python libpq_entry.py CONNINFO [TOKEN]

With a TOKEN it is shown by OAUTHBEARER. Prints the version of the protocol, whether TLS is in use, the length of the key of cancellation where
that is told, what a SELECT gives, and how a cancelled statement ends."""
import ctypes
import glob
import os
import sys
import threading
import time

import psycopg


class BearerRequest(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""
    _fields_ = [('openid_configuration', ctypes.c_char_p), ('scope', ctypes.c_char_p), ('begin', ctypes.c_void_p),
                ('cleanup', ctypes.c_void_p), ('token', ctypes.c_char_p), ('user', ctypes.c_void_p)]


def give(token):
    """Has libpq take this token where it would else send its user to a browser."""
    folder = os.path.join(os.path.dirname(os.path.dirname(psycopg.__file__)), 'psycopg_binary.libs')
    libpq = ctypes.CDLL(glob.glob(os.path.join(folder, 'libpq-*.so*'))[0])

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    def hook(kind, _connection, data):
        if kind != 1:  # PQAUTHDATA_OAUTH_BEARER_TOKEN
            return 0
        request = ctypes.cast(data, ctypes.POINTER(BearerRequest)).contents
        print('asked', request.openid_configuration.decode())
        request.token = token
        return 1

    libpq.PQsetAuthDataHook(hook)
    return hook


token = sys.argv[2].encode() if len(sys.argv) > 2 else None
kept = give(token) if token else None
try:
    db = psycopg.connect(sys.argv[1], autocommit=True)
except psycopg.Error as error:
    print('refused', ' '.join(str(error).split()))
    sys.exit(0)
version = db.pgconn.full_protocol_version
print('protocol', version // 10000, version % 10000, 'tls', bool(db.pgconn.ssl_in_use))
print('name', db.execute('SELECT name FROM customers WHERE id = 7').fetchone()[0])
threading.Thread(target=lambda: (time.sleep(0.7), db.cancel_safe())).start()
begin = time.monotonic()
try:
    db.execute('SELECT pg_sleep(30)')
    print('slept')
except psycopg.Error as error:
    print('cancelled', error.sqlstate, time.monotonic() - begin < 10)
print('on', db.execute('SELECT 2').fetchone()[0])
