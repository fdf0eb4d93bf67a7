#!/usr/bin/env python3
"""hoopctl beside pgbouncer and the server alone: transactions a second, latency, bulk, memory. Prints Markdown. See README.md."""
import argparse
import atexit
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import meter
from http_bench import number, table

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ["plain", "masked", "bulk", "rate", "idle"]
PASSWORD = "bench-pw"
#: A row with the column that is masked through hoopctl-mask.
MASKED_SCRIPT = "\\set id random(1, :people)\nSELECT id, name, card, balance FROM people WHERE id = :id;\n"


def arguments():
    numbers = lambda text: [int(part) for part in text.split(",")]
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hoopctl", type=pathlib.Path, default=ROOT / "target/release/hoopctl", help="release binary")
    parser.add_argument("--only", type=words, default=PARTS, help=",".join(PARTS))
    parser.add_argument("--modes", type=words, default=["simple", "extended", "prepared"], help="of pgbench")
    parser.add_argument("--clients", type=numbers, default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one run")
    parser.add_argument("--rate", type=int, default=1000, help="transactions a second of the part rate")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the tables")
    parser.add_argument("--sessions", type=int, default=100, help="of the part idle")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="on a real disk, for recordings")
    parser.add_argument("--raw", type=pathlib.Path, help="write every figure of every run there, as JSON")
    args = parser.parse_args()
    if unknown := set(args.only) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return args


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Candidate:
    """A way to the database."""

    def __init__(self, name, child, port, user, password, database):
        self.name, self.child, self.port = name, child, port
        self.user, self.password, self.database = user, password, database

    def fail(self, what):
        log = self.child.log.read_text(errors="replace")[-2000:] if self.child else ""
        sys.exit(f"{self.name}: {what}\n{log}")

    def run(self, argv, seconds=600, **more):
        env = {**os.environ, "PGPASSWORD": self.password, "PGSSLMODE": "disable", "PGGSSENCMODE": "disable", "PGHOST": "127.0.0.1",
               "PGPORT": str(self.port), "PGUSER": self.user, "PGDATABASE": self.database}
        out = subprocess.run([str(arg) for arg in argv], env=env, capture_output=True, text=True, timeout=seconds + 60, **more)
        if out.returncode:
            self.fail(f"{argv[0]} ended with {out.returncode}: {out.stdout[-800:]} {out.stderr[-800:]}")
        return out.stdout

    def ask(self, sql):
        return self.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql]).strip()

    def pgbench(self, seconds, clients, *more, **place):
        """A closed load, or one of a fixed rate."""
        threads = min(clients, os.cpu_count() or 1)
        out = self.run(["pgbench", "-n", "-T", seconds, "-c", clients, "-j", threads, *more], seconds, **place)
        done = int(re.search(r"transactions actually processed: (\d+)", out)[1])
        failed = re.search(r"failed transactions: (\d+)", out)
        return {"n": done, "rate": float(re.search(r"^tps = ([\d.]+)", out, re.M)[1]), "bad": int(failed[1]) if failed else 0,
                "latency": float(re.search(r"latency average = ([\d.]+)", out)[1])}


class Stream:
    """As little of a client as there can be: the gateway and the server set the pace, not what reads."""

    def __init__(self, candidate):
        self.candidate = candidate
        self.socket = socket.create_connection(("127.0.0.1", candidate.port), 60)
        names = b"".join(part.encode() + b"\0" for part in ("user", candidate.user, "database", candidate.database))
        self.socket.sendall(struct.pack("!ii", len(names) + 9, 196608) + names + b"\0")
        while True:
            kind, body = self.frame()
            if kind == b"R" and body[:4] not in (b"\0\0\0\0", b"\0\0\0\3"):
                candidate.fail(f"it wants another login than a password: {body!r}")
            elif kind == b"R" and body[3] == 3:
                word = candidate.password.encode() + b"\0"
                self.socket.sendall(b"p" + struct.pack("!i", len(word) + 4) + word)
            elif kind == b"E":
                candidate.fail(f"no login: {body!r}")
            elif kind == b"Z":
                return

    def exactly(self, length):
        found = b""
        while len(found) < length:
            more = self.socket.recv(length - len(found))
            if not more:
                self.candidate.fail("it closed the stream")
            found += more
        return found

    def frame(self):
        head = self.exactly(5)
        return head[:1], self.exactly(struct.unpack("!i", head[1:])[0] - 4)

    def query(self, sql):
        """Runs it; gives how many bytes came."""
        text = sql.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        room, end, count = bytearray(1 << 18), b"", 0
        while end != b"Z\0\0\0\5I":
            length = self.socket.recv_into(room)
            if not length:
                self.candidate.fail("it closed the stream")
            count += length
            end = (end + bytes(room[max(0, length - 6):length]))[-6:]
        return count


class Place:
    """The folder of this run, the server, and what stands before it."""

    def __init__(self, args):
        for name, package in (("pgbench", "postgresql"), ("psql", "postgresql"), ("pgbouncer", "pgbouncer"), ("setpriv", "util-linux")):
            meter.tool(name, f"apt-get install {package}")
        if not args.hoopctl.exists():
            sys.exit(f"{args.hoopctl} is not there: cargo build --release, or --hoopctl FILE")
        if os.geteuid():
            sys.exit("it needs root: the server runs as the user postgres")
        self.rows, self.hoopctl = args.rows, args.hoopctl.resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hoopctl-bench-", dir=args.dir))
        self.folder.chmod(0o755)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        atexit.register(meter.Child.stop_all)
        server, pooled, self.http, self.port, self.issuer = free_ports(5)
        self.server = self.start_server(server)
        pgbouncer = self.start_pgbouncer(server, pooled)
        gateway, token = self.start_hoopctl(server)
        self.direct = Candidate("direct", None, server, "postgres", "", "bench")
        self.pgbouncer = Candidate("pgbouncer", pgbouncer, pooled, "gateway", PASSWORD, "bench")
        self.plain = Candidate("hoopctl", gateway, self.port, "whoever", token, "bench")
        self.masked = Candidate("hoopctl-mask", gateway, self.port, "whoever", token, "masked")
        self.fill(Candidate("the server", self.server, server, "gateway", PASSWORD, "bench"))

    def as_postgres(self, *argv):
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *argv]

    def start_server(self, port):
        tools = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        if not tools:
            sys.exit("postgresql is needed: apt-get install postgresql")
        cluster = self.folder / "cluster"
        cluster.mkdir()
        shutil.chown(cluster, "postgres", "postgres")
        made = subprocess.run(self.as_postgres(tools[-1] / "initdb", "-D", cluster / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8",
                                               "--locale=C"), capture_output=True, text=True, cwd="/")
        if made.returncode:
            sys.exit(f"initdb: {made.stderr}")
        with (cluster / "data/postgresql.auto.conf").open("a") as settings:
            settings.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{cluster}'\nfsync = off\n"
                           "max_connections = 400\nmax_wal_size = 4GB\n")
        (cluster / "data/pg_hba.conf").write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        child = meter.Child(self.as_postgres(tools[-1] / "postgres", "-D", cluster / "data"), self.folder / "postgres.log")
        child.wait_port(port)
        root = Candidate("postgres", child, port, "postgres", "", "postgres")
        for _ in range(100):
            # It listens before it lets anybody in.
            if subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0:
                break
            time.sleep(0.05)
        root.ask(f"CREATE ROLE gateway LOGIN PASSWORD '{PASSWORD}'")
        root.ask("CREATE DATABASE bench OWNER gateway")
        return child

    def start_pgbouncer(self, server, port):
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\nbench = host=127.0.0.1 port={server} dbname=bench user=gateway password={PASSWORD}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = session\ndefault_pool_size = 200\n"
            "max_client_conn = 400\nignore_startup_parameters = extra_float_digits,options\nunix_socket_dir =\n")
        shutil.chown(settings, "postgres")
        child = meter.Child(self.as_postgres("pgbouncer", "-q", settings), self.folder / "pgbouncer.log")
        child.wait_port(port)
        return child

    def start_hoopctl(self, server):
        config = self.folder / "hoopctl.toml"
        config.write_text(f"""version = 1
[gateway]
listen = "127.0.0.1:{self.http}"
postgres_listen = "127.0.0.1:{self.port}"
limits = {{ sessions = 500, logins = 300 }}
[dev_issuer]
listen = "127.0.0.1:{self.issuer}"
[[oidc]]
name = "dev"
issuer = "http://127.0.0.1:{self.issuer}"
audiences = ["api://hoopctl"]
[storage]
data_dir = "data"
[[connection]]
name = "bench"
upstream = "postgres://127.0.0.1:{server}/bench?sslmode=disable"
inject = "password:gateway:env:BENCH_PASSWORD"
[[connection]]
name = "masked"
upstream = "postgres://127.0.0.1:{server}/bench?sslmode=disable"
inject = "password:gateway:env:BENCH_PASSWORD"
tags = {{ data = "pii" }}
[[mask]]
id = "pii"
match = {{ tags = {{ data = "pii" }} }}
fields = ["card"]
op = {{ kind = "keep_last", n = 4 }}
[[policy]]
id = "bench"
effect = "allow"
match = {{ groups = ["bench"], connections = ["bench", "masked"] }}
""")
        os.environ["BENCH_PASSWORD"] = PASSWORD
        child = meter.Child([self.hoopctl, "serve", "-c", config], self.folder / "hoopctl.log")
        child.wait_port(self.port)
        minted = subprocess.run([self.hoopctl, "-c", config, "token", "mint", "--as", "bench", "--group", "bench", "--lifetime", "1d"],
                                capture_output=True, text=True)
        if minted.returncode:
            sys.exit(f"no token: {minted.stderr}\n{child.log.read_text(errors='replace')[-2000:]}")
        return child, minted.stdout.strip()

    def fill(self, owner):
        """The tables; and whoever leaves the work undone is fast, so it is looked at before it is timed."""
        scale = max(1, self.rows // 100_000)
        owner.run(["pgbench", "-i", "-q", "-s", scale])
        owner.ask("CREATE TABLE people AS SELECT n AS id, 'Customer ' || n AS name, "
                        "('4111 1111 1111 ' || 1000 + n % 9000)::varchar(19) AS card, n * 10 AS balance "
                        f"FROM generate_series(1, {self.rows}) n")
        owner.ask("ALTER TABLE people ADD PRIMARY KEY (id)")
        owner.ask("VACUUM ANALYZE people")
        for one in (self.direct, self.pgbouncer, self.plain, self.masked):
            found = one.ask("SELECT id, name, card, balance FROM people WHERE id = 7")
            card = "**** **** **** 1007" if one is self.masked else "4111 1111 1111 1007"
            if found != f"7|Customer 7|{card}|70":
                one.fail(f"it gives {found!r}")


def compare(place, args, title, candidates, loads, columns, raw):
    """Rounds of some loads, A B C A B C; medians, and ratios to pgbouncer taken within each round."""
    rows = []
    for what, load in loads.items():
        runs = {one.name: [] for one in candidates}
        for _ in range(args.rounds):
            for one in candidates:
                runs[one.name].append(meter.measure(one.child, place.server, lambda: load(one)))
        raw[f"{title}: {what}"] = runs
        for name, found in runs.items():
            middle = {key: meter.median([told[key] for told in found]) for key in found[0]}
            row = [f"{what}: {name}"]
            for _, key, digits in columns:
                if key.startswith("/"):
                    key = key[1:]
                    pairs = [told[key] / base[key] for told, base in zip(found, runs["pgbouncer"]) if told[key] and base[key]]
                    row.append(number(meter.median(pairs), digits))
                elif key.startswith("+"):
                    pairs = [told[key[1:]] - base[key[1:]] for told, base in zip(found, runs["pgbouncer"])]
                    row.append(number(meter.median(pairs), digits))
                else:
                    value = middle[key]
                    row.append(number(100 * value if key == "foreign" else value, digits))
            rows.append([*row, number(sum(told["bad"] for told in found))])
    print(f"### {title}\n")
    table(["", *[head for head, _, _ in columns], "failed"], rows)


TRANSACTIONS = [("tx/s", "rate", 0), ("of pgbouncer", "/rate", 2), ("CPU ms/1000", "cpu", 1), ("of pgbouncer", "/cpu", 2),
                ("mean ms", "latency", 3), ("RSS MiB", "memory", 0), ("foreign %", "foreign", 0)]
LATENCIES = [("tx/s", "rate", 0), ("p50 ms", "p50", 3), ("p99 ms", "p99", 3), ("p50 more", "+p50", 3), ("p99 more", "+p99", 3),
             ("CPU ms/1000", "cpu", 1), ("foreign %", "foreign", 0)]
BULK = [("MB/s", "mb", 0), ("of pgbouncer", "/mb", 2), ("s", "seconds", 2), ("CPU s", "spent", 2), ("RSS MiB", "memory", 0),
        ("peak MiB", "peak", 0), ("foreign %", "foreign", 0)]


def plain(place, args, raw):
    candidates = [place.direct, place.pgbouncer, place.plain]
    for mode in args.modes:
        loads = {clients_word(clients): lambda one, clients=clients: one.pgbench(args.seconds, clients, "-S", "-M", mode)
                 for clients in args.clients}
        compare(place, args, f"pgbench -S -M {mode} (goal 0.95 of pgbouncer)", candidates, loads, TRANSACTIONS, raw)


def clients_word(clients):
    return f"{clients} client{'s' if clients > 1 else ''}"


def masked(place, args, raw):
    script = place.folder / "masked.sql"
    script.write_text(MASKED_SCRIPT)
    candidates = [place.direct, place.pgbouncer, place.plain, place.masked]
    for mode in args.modes:
        loads = {clients_word(clients): lambda one, clients=clients: one.pgbench(
            args.seconds, clients, "-M", mode, "-f", script, "-D", f"people={args.rows}") for clients in args.clients}
        compare(place, args, f"one row with one masked column, -M {mode} (goal 0.85 of pgbouncer)", candidates, loads, TRANSACTIONS, raw)


def rate(place, args, raw):
    """A fixed rate; the time of each transaction, without what it waited for its turn in pgbench."""
    def load(one, mode, clients=8):
        folder = pathlib.Path(tempfile.mkdtemp(dir=place.folder))
        told = one.pgbench(args.seconds, clients, "-S", "-M", mode, "-R", args.rate, "-l", cwd=folder)
        lines = [line.split() for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
        shutil.rmtree(folder)
        times = sorted((int(line[2]) - int(line[6])) / 1000 for line in lines if line[2].isdigit())
        if not times:
            one.fail("pgbench has written no log")
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
        return {**told, "p50": at(0.5), "p99": at(0.99)}

    loads = {mode: lambda one, mode=mode: load(one, mode) for mode in args.modes}
    title = f"{args.rate} transactions a second over 8 clients (goal: p99 at most 0.3 ms more than pgbouncer)"
    compare(place, args, title, [place.direct, place.pgbouncer, place.plain], loads, LATENCIES, raw)


def bulk(place, args, raw):
    def load(sql, one):
        stream = Stream(one)
        before, begin = one.child.cpu() if one.child else 0, time.monotonic()
        count = stream.query(sql)
        seconds = time.monotonic() - begin
        spent = one.child.cpu() - before if one.child else None
        stream.socket.close()
        if count < args.rows * 20:
            one.fail(f"{sql} gives only {count} bytes")
        return {"n": 1, "bad": 0, "mb": count / seconds / 1e6, "seconds": seconds, "spent": spent}

    everybody = [place.direct, place.pgbouncer, place.plain]
    of = lambda sql: {sql: lambda one: load(sql, one)}
    compare(place, args, f"{args.rows} rows (goal 0.9 of pgbouncer)", everybody,
            {**of("COPY people TO STDOUT"), **of("SELECT * FROM people")}, BULK, raw)
    compare(place, args, f"{args.rows} rows, one column masked (goal 0.4 of pgbouncer)", [*everybody, place.masked],
            of("SELECT * FROM people"), BULK, raw)


def idle(place, args, raw):
    rows = []
    for one in (place.pgbouncer, place.plain, place.masked):
        growths = []
        for _ in range(args.rounds):
            Stream(one).query("SELECT 1")
            before = one.child.memory()
            streams = [Stream(one) for _ in range(args.sessions)]
            for stream in streams:
                stream.query("SELECT 1")
            time.sleep(1)
            growths.append((one.child.memory() - before) * 1024 / args.sessions)
            for stream in streams:
                stream.socket.close()
            time.sleep(0.5)
        raw[f"idle: {one.name}"] = growths
        # What was taken once is used again: the first round tells what sessions take.
        rows.append([one.name, number(growths[0], 1), number(meter.median(growths), 1)])
    print(f"### {args.sessions} idle sessions (goal 128 KiB each)\n")
    table(["", "KiB a session, the first time", "median"], rows)


def machine(place):
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    first = lambda *argv: subprocess.run([str(arg) for arg in argv], capture_output=True, text=True).stdout.strip().splitlines()[0]
    print(f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC; {os.cpu_count()} cores, {cpu}; Linux {platform.release()}; load average "
          f"{', '.join(f'{load:.1f}' for load in os.getloadavg())} at the start. {first(place.hoopctl, '--version')}; "
          f"{place.direct.ask('SHOW server_version')} of PostgreSQL; {first('pgbouncer', '--version')}.\n", flush=True)


def main():
    args, raw = arguments(), {}
    place = Place(args)
    machine(place)
    parts = {"plain": plain, "masked": masked, "bulk": bulk, "rate": rate, "idle": idle}
    # Memory is what a gateway takes that has not worked yet.
    for part in ("idle", "plain", "masked", "rate", "bulk"):
        if part in args.only:
            parts[part](place, args, raw)
    if args.raw:
        args.raw.write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
