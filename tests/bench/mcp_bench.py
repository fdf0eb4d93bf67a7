#!/usr/bin/env python3
"""MCP through hoopctl, beside nginx and the direct call: calls a second, latency, CPU, idle streams. Prints Markdown. See README.md."""
import argparse
import asyncio
import atexit
import http.client
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import gateways
import http_bench
import meter
import signing
from http_bench import number, table

REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {}}
#: What every load sends: a call of a tool with arguments that a policy looks at.
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": "refund", "arguments": {"order": 4711, "amount": 12, "currency": "EUR", "reason": "arrived late"}, "_meta": META}})
#: What the server answers: about a kilobyte, once as text and once as structure, as servers do.
ROWS = [{"order": 4700 + n, "state": "refunded", "amount": 12.5 + n, "email": f"customer{n}@example.com"} for n in range(6)]
ANSWER = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {
    "resultType": "complete", "content": [{"type": "text", "text": json.dumps({"rows": ROWS})}], "structuredContent": {"rows": ROWS}}})
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "tools": [
    {"name": "refund", "description": "Pays back", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}]}})
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
           "Mcp-Protocol-Version": REVISION, "Mcp-Method": "tools/call", "Mcp-Name": "refund"}
MASK = """[[mask]]
id = "pii"
match = { connections = ["crm"] }
fields = ["email"]
op = { kind = "keep_last", n = 4 }
"""


class Upstream(gateways.Upstream):
    """nginx that gives every request the same answer: no server of MCP is as fast."""

    def argv(self):
        answer, tools = (text.replace("\\", "\\\\").replace("'", "\\'") for text in (ANSWER, LIST))
        answers = f"map $http_mcp_method $answer {{ default '{answer}'; tools/list '{tools}'; }}"
        server = f"listen 127.0.0.1:{self.port} backlog=4096; location / {{ return 200 $answer; }}"
        (self.folder / "nginx.conf").write_text(gateways.nginx_text(self.folder, server, answers))
        return gateways.nginx_argv(self.folder)

    def url(self, _body):
        return f"http://127.0.0.1:{self.port}/mcp"


class Nginx(gateways.Nginx):
    def url(self, _body):
        return f"http://127.0.0.1:{self.port}/mcp"


class Hoopctl(gateways.Hoopctl):
    """With a token, a policy that looks at arguments, pins, a credential, and a recording with bodies."""

    def url(self, _body):
        return f"http://127.0.0.1:{self.port}/c/crm"

    def argv(self):
        words = super().argv()
        text = self.config.read_text()
        text = text.replace('upstream = "http://127.0.0.1:', 'upstream = "mcp+http://127.0.0.1:')
        text = text.replace(f":{self.place.upstream.port}\"", f":{self.place.upstream.port}/mcp\"")
        for old, new in [
            ('operations = ["read"]', 'tools = ["refund"], args = { "amount" = "<= 100" }'),
            ('methods = ["DELETE"]', 'tools = ["delete_*"]'),
            ("[[policy]]\nid = \"nobody", """[[policy]]
id = "listen"
effect = "allow"
match = { groups = ["readers"], connections = ["crm"], methods = ["subscriptions/listen", "tools/list"] }
[[policy]]
id = "nobody"""),
        ]:
            assert old in text, old
            text = text.replace(old, new, 1)
        self.config.write_text(text)
        return words


class HoopctlRead(Hoopctl):
    """The same where the server's word is taken that its tool only reads: then its record need not be on the disk before it runs."""

    def argv(self):
        words = super().argv()
        self.config.write_text(self.config.read_text().replace("[[connection]]", "[[connection]]\ntrust_annotations = true", 1))
        return words


class Place:
    """The folder of this run, and what all candidates share."""

    def __init__(self, args):
        meter.tool("wrk", "apt-get install wrk")
        if not args.hoopctl.exists():
            sys.exit(f"{args.hoopctl} is not there: cargo build --release, or --hoopctl FILE")
        self.hoopctl, self.envoy, self.first, self.asked = args.hoopctl.resolve(), None, "call", {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hoopctl-bench-", dir=args.dir))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        atexit.register(meter.Child.stop_all)
        self.bodies = self.folder
        self.issuer = signing.Issuer()
        self.token = self.issuer.token()
        self.upstream = Upstream("upstream", self)
        self.upstream.start()
        made = [Nginx("nginx", self), Hoopctl("hoopctl", self), HoopctlRead("hoopctl-read", self),
                Hoopctl("hoopctl-mask", self, MASK),
                Hoopctl("hoopctl-no-bodies", self, level="metadata")]
        if args.before:
            made.append(Hoopctl("hoopctl-before", self, program=args.before.resolve()))
        self.candidates = {one.name: one for one in made if one.name == "nginx" or not args.only or one.name in args.only}


def post(url, token, body, method="tools/call", name="refund"):
    headers = dict(HEADERS, **{"Mcp-Method": method})
    if name is None:
        del headers["Mcp-Name"]
    if token:
        headers["Authorization"] = f"Bearer {token}"
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("POST", f"/{path}", body, headers)
    return connection, connection.getresponse()


def prove(gateway, place):
    """A gateway that leaves its work undone is fast: what it does is looked at before it is timed."""
    end = time.monotonic() + 15
    while True:
        try:
            _, response = post(gateway.url("call"), place.token, CALL)
            answer = response.read().decode()
            if response.status == 200 and json.loads(answer).get("result", {}).get("structuredContent"):
                break
        except OSError:
            answer = "nothing"
        if time.monotonic() > end:
            sys.exit(f"{gateway.name} answers {answer[:300]}:\n{(gateway.folder / 'log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)
    mails = [row["email"] for row in json.loads(answer)["result"]["structuredContent"]["rows"]]
    assert (mails == [row["email"] for row in ROWS]) != gateway.masks, f"{gateway.name}: {mails}"
    if not gateway.needs_token:
        return
    listed = json.loads(post(gateway.url("call"), place.token, CALL.replace("tools/call", "tools/list"), "tools/list", None)[1].read())
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["refund"], f"{gateway.name} lists {listed}"
    for token in (None, place.token[:-8] + "AAAAAAAA"):
        assert post(gateway.url("call"), token, CALL)[1].status == 401, gateway.name
    refused = json.loads(post(gateway.url("call"), place.token, CALL.replace('"amount": 12', '"amount": 1200'))[1].read())
    assert refused["result"]["isError"], f"{gateway.name} let an argument pass that no policy allows"


def load(gateway, place, connections, seconds):
    lines = [f'wrk.method = "POST"; wrk.body = {json.dumps(CALL)}']
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in HEADERS.items()]
    return meter.closed_load(gateway.url("call"), place.token, connections, seconds, place.folder, "\n".join(lines))


class Streams:
    """A server of streams that say nothing until they are told to: each then says what time it was."""

    def __init__(self):
        self.port, self.writers, self.loop = gateways.free_port(), [], asyncio.new_event_loop()
        started = threading.Event()

        async def serve():
            await asyncio.start_server(self.accept, "127.0.0.1", self.port, backlog=4096)
            started.set()

        self.loop.create_task(serve())
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        started.wait(10)

    async def accept(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            body = json.loads(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, IndexError):
            return writer.close()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.say(writer, "notifications/subscriptions/acknowledged", {"notifications": {"toolsListChanged": True}}, body["id"])
        self.writers.append((writer, body["id"]))

    @staticmethod
    def say(writer, method, params, subscription):
        params = dict(params, _meta={"io.modelcontextprotocol/subscriptionId": subscription})
        event = f"data: {json.dumps({'jsonrpc': '2.0', 'method': method, 'params': params})}\n\n".encode()
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))

    def tick(self):
        """Says the time on the newest stream."""
        def now():
            writer, subscription = self.writers[-1]
            self.say(writer, "notifications/tools/list_changed", {"at": time.monotonic_ns()}, subscription)
        self.loop.call_soon_threadsafe(now)


def listen(url, token):
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "subscriptions/listen",
                       "params": {"notifications": {"toolsListChanged": True}, "_meta": META}})
    connection, response = post(url, token, body, "subscriptions/listen", None)
    assert response.status == 200, response.read()
    # The acknowledgement has come, so the stream stands.
    while not response.readline().startswith(b"data:"):
        pass
    return connection, response


def event_latency(streams, url, token, count):
    """Milliseconds from the server's writing of an event to the client's having it."""
    connection, response = listen(url, token)
    found = []
    for _ in range(count):
        streams.tick()
        while True:
            line = response.readline()
            if line.startswith(b"data:"):
                break
        told = json.loads(line[5:])["params"]["at"]
        found.append((time.monotonic_ns() - told) / 1e6)
        time.sleep(0.002)
    connection.close()
    return found


def streams_of(place, args):
    streams = Streams()
    place.upstream.port = streams.port
    gateway = Hoopctl("hoopctl-streams", place)
    gateway.start()
    direct, through = f"http://127.0.0.1:{streams.port}/mcp", gateway.url("call")
    end = time.monotonic() + 15
    while True:
        try:
            listen(through, place.token)[0].close()
            break
        except (OSError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    rows = []
    for name, url in (("direct", direct), ("hoopctl", through)):
        times = sorted(event_latency(streams, url, place.token, args.events))
        rows.append([name, number(statistics.median(times), 3), number(times[int(len(times) * 0.99)], 3)])
    print("### One event on an open stream, from the server's writing to the client's reading\n")
    table(["", "p50 ms", "p99 ms"], rows)
    time.sleep(1)
    before = gateway.child.memory()
    held = [listen(through, place.token) for _ in range(args.streams)]
    time.sleep(3)
    after = gateway.child.memory()
    print(f"\n### {args.streams} idle streams\n")
    table(["", "RSS MiB before", "RSS MiB with them", "KiB a stream"],
          [["hoopctl", number(before, 1), number(after, 1), number((after - before) * 1024 / max(args.streams, 1), 1)]])
    print()
    for connection, _ in held:
        connection.close()


def main():
    numbers = lambda text: [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hoopctl", type=pathlib.Path, default=http_bench.ROOT / "target/release/hoopctl", help="release binary")
    parser.add_argument("--before", type=pathlib.Path, help="another binary of hoopctl, measured beside it as hoopctl-before")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of candidates, nginx is always one of them")
    parser.add_argument("--connections", type=numbers, default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one run")
    parser.add_argument("--streams", type=int, default=1000, help="idle streams; 0: none")
    parser.add_argument("--events", type=int, default=1000, help="whose latency is measured")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="on a real disk, for recordings")
    args = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    place = Place(args)
    http_bench.machine(place)
    for gateway in place.candidates.values():
        gateway.start()
    for gateway in place.candidates.values():
        prove(gateway, place)
        place.asked[gateway.name] = load(gateway, place, 4, 1)["n"]
    for connections in args.connections:
        title = f"tools/call, {connections} connection{'s' if connections > 1 else ''}"
        http_bench.compare(place, args, title, lambda gateway: load(gateway, place, connections, args.seconds), {})
        print()
    for name, gateway in place.candidates.items():
        if isinstance(gateway, Hoopctl):
            events, verified = http_bench.recorded(gateway)
            assert events >= 2 * place.asked[name], f"{name} recorded {events} events of {place.asked[name]} calls"
            print(f"{name}: {place.asked[name]} calls, {events} events, {'verified' if verified else 'NOT VERIFIED'}.")
        gateway.stop()
    print()
    if args.streams:
        streams_of(place, args)


if __name__ == "__main__":
    main()
