#!/usr/bin/env python3
"""hoopctl beside nginx and Envoy: requests a second, latency, CPU, memory, start. Prints Markdown. See README.md."""
import argparse
import atexit
import http.client
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import bodies
import gateways
import meter
import signing

SIZES = {"1k": 1 << 10, "64k": 64 << 10, "10m": 10 << 20}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    numbers = lambda text: [int(part) for part in text.split(",")]
    words = lambda text: text.split(",")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hoopctl", type=pathlib.Path, default=ROOT / "target/release/hoopctl", help="release binary")
    parser.add_argument("--before", type=pathlib.Path, help="another binary of hoopctl, measured beside it as hoopctl-before")
    parser.add_argument("--envoy", default=shutil.which("envoy"), help="binary; without one Envoy is left out")
    parser.add_argument("--only", type=words, help="names of candidates, nginx is always one of them")
    parser.add_argument("--sizes", type=words, default=list(SIZES), help="1k,64k,10m")
    parser.add_argument("--connections", type=numbers, default=[1, 16, 64], help="for the closed load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one run")
    parser.add_argument("--rate", type=int, default=2000, help="requests a second of the open load; 0: none")
    parser.add_argument("--starts", type=int, default=7, help="cold starts of each; 0: none")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="on a real disk, for recordings")
    parser.add_argument("--raw", type=pathlib.Path, help="write every figure of every run there, as JSON")
    return parser.parse_args()


class Place:
    """The folder of this run, and what all candidates share."""

    def __init__(self, args):
        for name, package in (("wrk", "wrk"), ("h2load", "nghttp2-client")):
            meter.tool(name, f"apt-get install {package}")
        if not args.hoopctl.exists():
            sys.exit(f"{args.hoopctl} is not there: cargo build --release, or --hoopctl FILE")
        if not args.envoy:
            print("Envoy is left out: no binary (README.md says where to get one).\n")
        self.hoopctl, self.envoy = args.hoopctl.resolve(), args.envoy
        self.before = args.before.resolve() if args.before else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hoopctl-bench-", dir=args.dir))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        atexit.register(meter.Child.stop_all)
        self.bodies = self.folder / "bodies"
        self.bodies.mkdir()
        for name in args.sizes:
            (self.bodies / f"{name}.json").write_text(bodies.body(SIZES[name]))
        self.issuer = signing.Issuer()
        self.token = self.issuer.token()
        self.upstream = gateways.Upstream("upstream", self)
        self.upstream.start()
        self.candidates = gateways.candidates(self)
        if args.only:
            unknown = set(args.only) - set(self.candidates)
            if unknown:
                sys.exit(f"no candidate {', '.join(sorted(unknown))}; there are {', '.join(self.candidates)}")
            self.candidates = {name: one for name, one in self.candidates.items() if name in ["nginx", *args.only]}


def ask(gateway, body, token):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", f"{gateway.prefix}/{body}.json", headers=headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def ready(gateway, place, limit=15):
    """Waits for the first 200: a gateway may listen before it has the issuer's keys."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if ask(gateway, place.first, place.token)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.0005)
    sys.exit(f"{gateway.name} never answered with 200:\n{(gateway.folder / 'log').read_text(errors='replace')[-2000:]}")


def prove(gateway, place, sizes):
    """A gateway that leaves its work undone is fast: what it does is looked at before it is timed."""
    if gateway.needs_token:
        claimed = place.issuer.token(exp=int(time.time()) - 3600)
        for token in (None, place.token[:-8] + "AAAAAAAA", claimed):
            status, _ = ask(gateway, sizes[0], token)
            assert status == 401, f"{gateway.name} answered {status} to a bad token"
    for body in sizes:
        sent = json.loads((place.bodies / f"{body}.json").read_text())
        status, got = ask(gateway, body, place.token)
        got = json.loads(got)
        assert status == 200 and len(got["customers"]) == len(sent["customers"]), f"{gateway.name}: {body} is not whole"
        for before, after in zip(sent["customers"], got["customers"]):
            for name in before:
                same = before[name] == after[name]
                hidden = gateway.masks and name in gateways.FIELDS
                assert same != hidden, f"{gateway.name}: {name} of {body} is {'not ' if hidden else ''}masked"


def recorded(gateway):
    """How many commands its recordings hold, and whether one of them verifies."""
    def run(*words):
        argv = [gateway.program, "-c", gateway.config, *words]
        return subprocess.run([str(word) for word in argv], capture_output=True, text=True)

    sessions = json.loads(run("session", "list", "-o", "json").stdout)
    rows = sessions.get("sessions", sessions.get("items", [])) if isinstance(sessions, dict) else sessions
    verified = all(run("session", "verify", row["id"]).returncode == 0 for row in rows)
    return sum(row["events"] for row in rows), verified


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}".replace(",", "")


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" if place == 0 else "---:" for place in range(len(head))) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def compare(place, args, title, load, raw):
    """Rounds of one kind of load, A B C A B C; medians, and ratios to nginx taken within each round."""
    runs = {name: [] for name in ["upstream alone", *place.candidates]}
    for _ in range(args.rounds):
        for name, found in runs.items():
            gateway = place.candidates.get(name, place.upstream)
            child = gateway.child if name in place.candidates else None
            told = meter.measure(child, place.upstream.child, lambda: load(gateway))
            if child:
                place.asked[name] += told["n"]
            found.append(told)
    raw[title] = runs
    rows = []
    for name, found in runs.items():
        middle = {key: meter.median([told[key] for told in found]) for key in found[0]}
        pair = lambda key: None if middle[key] is None else meter.median(
            [one[key] / nginx[key] for one, nginx in zip(found, runs["nginx"]) if nginx[key]])
        failed = sum(told["bad"] for told in found)
        rows.append([name, number(middle["rate"]), number(pair("rate"), 2), number(middle["cpu"], 1), number(pair("cpu"), 2),
                     number(middle["p50"], 3), number(middle["p99"], 3), number(middle["mb"]), number(middle["memory"]),
                     number(100 * middle["foreign"]), number(failed)])
    print(f"### {title}\n")
    table(["", "req/s", "of nginx", "CPU ms/1000", "of nginx", "p50 ms", "p99 ms", "MB/s", "RSS MiB", "foreign %", "failed"],
          rows)


def starts(place, args, raw):
    """From the start of the process to the first 200 through it."""
    rows = []
    for name, gateway in place.candidates.items():
        gateway.stop()
    for name, gateway in place.candidates.items():
        if name not in ("nginx", "envoy-jwt", "hoopctl"):
            continue
        for empty in ([False, True] if hasattr(gateway, "forget") else [False]):
            times, cpus = [], []
            for _ in range(args.starts):
                if empty:
                    gateway.forget()
                argv = gateway.argv()
                begin = time.monotonic()
                gateway.child = meter.Child(argv, gateway.folder / "log")
                ready(gateway, place)
                times.append((time.monotonic() - begin) * 1000)
                cpus.append(gateway.child.cpu_now() * 1000)
                gateway.stop()
            raw[f"start {name} {empty}"] = times
            size = gateway.binary().stat().st_size / (1 << 20)
            label = f"{name}, empty data folder" if empty else name
            rows.append([label, number(meter.median(times), 1), number(min(times), 1), number(meter.median(cpus)),
                         number(gateway.idle, 1), number(size, 1)])
    print("### Start, memory at rest, binary\n")
    table(["", "ms to the first 200", "best", "CPU ms", "RSS MiB at rest", "binary MiB"], rows)


def machine(place):
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    first_line = lambda *argv: (lambda out: (out.stdout + out.stderr).strip().splitlines() or ["?"])(
        subprocess.run(argv, capture_output=True, text=True))[0].strip()
    print(f"{time.strftime('%Y-%m-%d %H:%M')} UTC; {os.cpu_count()} cores, {cpu}; Linux {platform.release()}; load average "
          f"{', '.join(f'{load:.1f}' for load in os.getloadavg())} at the start. {first_line(str(place.hoopctl), '--version')}; "
          f"{first_line('nginx', '-v')}; "
          + (f"Envoy {'/'.join(first_line(str(place.envoy), '--version').split('/')[-4:-3])}; " if place.envoy else "")
          + f"{first_line('wrk', '-v').split('[')[0].strip()}; {first_line('h2load', '--version')}.\n")


def main():
    args, raw = arguments(), {}
    os.environ["TZ"] = "UTC"
    time.tzset()
    place = Place(args)
    place.first, place.asked = args.sizes[0], {}
    machine(place)
    for gateway in place.candidates.values():
        gateway.start()
    for gateway in place.candidates.values():
        ready(gateway, place)
        time.sleep(1)
        gateway.idle = gateway.child.memory()
        prove(gateway, place, args.sizes)
        warm = meter.closed_load(gateway.url(place.first), place.token, 4, 1, place.folder)
        place.asked[gateway.name] = warm["n"]
    for size in args.sizes:
        for connections in args.connections:
            title = f"{size}, {connections} connection{'s' if connections > 1 else ''}"
            compare(place, args, title, lambda gateway: meter.closed_load(
                gateway.url(size), place.token, connections, args.seconds, place.folder), raw)
    if args.rate:
        title = f"{place.first}, {args.rate} requests a second over 16 connections"
        compare(place, args, title, lambda gateway: meter.open_load(
            gateway.url(place.first), place.token, 16, args.seconds, args.rate, place.folder), raw)
    for name, gateway in place.candidates.items():
        if isinstance(gateway, gateways.Hoopctl):
            events, verified = recorded(gateway)
            assert events >= 2 * place.asked[name], f"{name} recorded {events} events of {place.asked[name]} requests"
            data = sum(file.stat().st_size for file in (gateway.folder / "data").glob("events.db*"))
            print(f"{name}: {place.asked[name]} requests, {events} events, {data >> 20} MiB of recordings, "
                  f"{'verified' if verified else 'NOT VERIFIED'}.")
    print()
    if args.starts:
        starts(place, args, raw)
    if args.raw:
        args.raw.write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
