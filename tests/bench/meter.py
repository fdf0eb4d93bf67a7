"""Processes and what they cost: started and ended by their own id, read from /proc; and the two load generators."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
#: wrk prints its summary for people; this prints the same figures as one line of JSON.
WRK_SCRIPT = """
function done(s, latency)
  local e = s.errors
  io.write(string.format('\\nJSON {"n":%d,"bytes":%d,"us":%d,"p50":%d,"p99":%d,"bad":%d}\\n', s.requests, s.bytes,
    s.duration, latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def tool(name, hint):
    return shutil.which(name) or sys.exit(f"{name} is needed: {hint}")


class Child:
    """A process of this run. It is ended when the run ends, however that comes about."""

    running = []

    def __init__(self, argv, log):
        self.log = pathlib.Path(log)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.process.pid
        Child.running.append(self)

    def wait_port(self, port, limit=20):
        end = time.monotonic() + limit
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.02)
        sys.exit(f"nothing listens on {port}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait()
        if self in Child.running:
            Child.running.remove(self)

    @staticmethod
    def stop_all():
        for child in reversed(Child.running[:]):
            child.stop()

    def family(self):
        """Its id and those of the processes it started."""
        parents = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            fields = stat(entry)
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def cpu(self):
        """Seconds of CPU, user and system, of the whole family."""
        return sum(int(ticks) for pid in self.family() for ticks in (stat(pid) or [])[11:15]) / TICKS

    def cpu_now(self):
        """The same to the nanosecond, but only of threads that live: for processes that have just begun."""
        total = 0
        for pid in self.family():
            for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(thread.read_text().split()[0])
        return total / 1e9

    def memory(self):
        """Resident MiB of the whole family; what two of them share counts once."""
        total = 0
        for pid in self.family():
            try:
                rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(size) for size in re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M))
        return total / 1024

    def peak(self):
        """The highest resident MiB since `forget_peak`, added up over the family."""
        total = 0
        for pid in self.family():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += sum(int(size) for size in re.findall(r"^VmHWM:\s+(\d+) kB", status, re.M))
        return total / 1024

    def forget_peak(self):
        for pid in self.family():
            try:
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
            except OSError:
                pass


def stat(pid):
    """The fields of /proc/PID/stat from the third on; `None` when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def machine_busy():
    """Seconds that all cores together were busy, and seconds there were."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS, sum(fields) / TICKS


def closed_load(url, token, connections, seconds, folder, request=""):
    """wrk: each connection asks again as soon as it is answered. `request` says in Lua what is sent, unless it is a GET."""
    script = pathlib.Path(folder, "wrk.lua")
    script.write_text(request + WRK_SCRIPT)
    argv = ["wrk", "-t", min(connections, os.cpu_count() or 1), "-c", connections, "-d", f"{seconds}s", "--timeout", "20s",
            "-s", script, "-H", f"Authorization: Bearer {token}", url]
    out = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=seconds + 60)
    line = re.search(r"^JSON (.*)$", out.stdout, re.M)
    if not line:
        sys.exit(f"wrk {url}: {out.stdout[-400:]} {out.stderr[-400:]}")
    told = json.loads(line[1])
    return {"n": told["n"], "bad": told["bad"], "rate": told["n"] / told["us"] * 1e6, "mb": told["bytes"] / told["us"],
            "p50": told["p50"] / 1000, "p99": told["p99"] / 1000}


def open_load(url, token, connections, seconds, rate, folder):
    """h2load with HTTP/1.1: `rate` requests a second, whether they are answered or not."""
    log = pathlib.Path(folder, "h2load.log")
    log.unlink(missing_ok=True)
    argv = ["h2load", "--h1", "-c", connections, "-t", 1, "-D", seconds, "--rps", rate / connections, f"--log-file={log}",
            "-H", f"Authorization: Bearer {token}", url]
    subprocess.run([str(arg) for arg in argv], capture_output=True, timeout=seconds + 60)
    lines = [line.split() for line in log.read_text().splitlines()]
    times = sorted(int(line[2]) / 1000 for line in lines)
    if not times:
        sys.exit(f"h2load {url}: not one answer")
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
    return {"n": len(times), "bad": sum(not line[1].startswith("2") for line in lines), "rate": len(times) / seconds,
            "mb": 0.0, "p50": at(0.5), "p99": at(0.99)}


def measure(child, upstream, load):
    """Runs `load()`; adds what the gateway, the upstream and the load generator spent, and what else the machine did."""
    peaks, done = [], threading.Event()

    def watch():
        while not done.wait(0.2):
            peaks.append(child.memory())

    if child:
        child.forget_peak()
        watcher = threading.Thread(target=watch)
        watcher.start()
    before = [child.cpu() if child else 0, upstream.cpu(), *machine_busy()]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = load()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    after = [child.cpu() if child else 0, upstream.cpu(), *machine_busy()]
    gateway, behind, busy, whole = (now - then for now, then in zip(after, before))
    loader = spent.ru_utime + spent.ru_stime - own.ru_utime - own.ru_stime
    if child:
        done.set()
        watcher.join()
    each = 1e6 / max(told["n"], 1)
    told.update(cpu=gateway * each if child else None, cpu_upstream=behind * each, cpu_load=loader * each,
                memory=max(peaks, default=None), peak=child.peak() if child else None,
                foreign=max(0.0, (busy - gateway - behind - loader) / whole) if whole else 0.0)
    return told


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None
