#!/usr/bin/env python3
"""slotctl install with kiln-fetch from a server that misbehaves: the version arrives whole,
or there is one clear sentence and the machine is what it was, and can install afterwards.

    install.py BUILD-DIR [WORD...]     only the faults that have a WORD in their name
"""
import os, shutil, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as web

build = os.path.abspath(sys.argv[1])
top = tempfile.TemporaryDirectory(prefix="kiln-install.")
environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
environ["ASAN_OPTIONS"] = "detect_leaks=0"
RUNNING = 1138688  # bytes from the beginning of the disk to the end of slot a

OK, FAILED, REFUSED = 0, 1, 3

# What the server does, slotctl's exit status, and what it says.
faults = [
    ("ok", OK, ""), ("moved", OK, ""), ("leisurely", OK, ""), ("closes", OK, ""), ("closes-silently", OK, ""),
    ("truncates", OK, ""), ("stalls", OK, ""), ("length-short", OK, ""), ("length-long", OK, ""), ("less", OK, ""),
    ("every-second-500", OK, ""), ("busy", OK, ""), ("whole", OK, ""), ("whole-chunked", OK, ""), ("endless", OK, ""),
    ("endless-whole", OK, ""), ("never-ends", OK, ""),
    ("slow", FAILED, "the server was too slow for 1 s"), ("silent", FAILED, "the server said nothing for 1 s"),
    ("cuts-all", FAILED, "given up after 4 attempts"), ("empty", FAILED, "the server sends nothing of the range"),
    ("resets", FAILED, "given up after 4 attempts"), ("s404", FAILED, "there is no such file on the server"),
    ("every-second-404", FAILED, "there is no such file on the server"), ("s403", FAILED, "the server denies it"),
    ("s500", FAILED, "the server answers HTTP status 500"), ("changes", FAILED, "the file changed on the server while it was read"),
    ("changes-mid-request", FAILED, "the file changed on the server while it was read"),
    ("compressed", FAILED, "refused: the server encodes the file"), ("other-range", FAILED, "the server answers another range"),
    ("no-http", FAILED, "what the server answers is not HTTP"), ("loop", FAILED, "the server redirects more than 5 times"),
    ("to-file", FAILED, "the server redirects to an address"),
    ("lies-in-the-data", REFUSED, ""), ("lies-in-the-head", REFUSED, ""), ("sends-another-file", REFUSED, ""),
]


class Liar(web.Server):
    """Also sends other bytes than it has."""

    def do_lies_in_the_data(self, conn, r, data):
        """A byte in every 8 KiB of the second half is another one."""
        half = len(data) // 2
        return self.do_ok(conn, r, data[:half] + bytes(b ^ (i % 8192 == 0) for i, b in enumerate(data[half:])))

    def do_lies_in_the_head(self, conn, r, data):
        return self.do_ok(conn, r, data[:4200] + bytes([data[4200] ^ 1]) + data[4201:])

    def do_sends_another_file(self, conn, r, data):
        return self.do_ok(conn, r, b"<html>please log in</html>" + bytes(len(data)))


def at(*names):
    return os.path.join(top.name, *names)


def run(*args, status=0):
    r = subprocess.run(args, capture_output=True, text=True, env=environ, timeout=120)
    assert status is None or r.returncode == status, f"{args[0]}: exit status {r.returncode}: {r.stderr}"
    return r


def slotctl(machine, *args, status=0):
    return run(build + "/slotctl", *args, "--run-dir=" + machine, status=status)


def install(machine, source, status=0):
    return slotctl(machine, "install", "--policy-dir=" + machine, "--fetch=" + at("fetch"), source, status=status)


def read(machine):
    with open(os.path.join(machine, "disk-file"), "rb") as f:
        return f.read()


def new_machine(name):
    """One that runs 1.0.0; all are the same."""
    machine = at(name)
    os.mkdir(machine)
    run(build + "/tests/slotctl/device", machine, "real", "fresh", "1.0.0", "5", "boot", "confirm")
    for key in ("key.pem", "trusted.pem"):
        if os.path.exists(at(key)):
            shutil.copy(at(key), machine)
    return machine


def check(fault):
    mode, status, said = fault
    machine = new_machine("machine-" + mode)
    before = read(machine)
    url = f"http://127.0.0.1:{servers[mode].port}/{mode}/demo.kiln"
    r = install(machine, url, status)
    assert said in r.stderr, f"{r.stderr!r} does not say {said!r}"
    assert read(machine)[:RUNNING] == before[:RUNNING], "the running slot was written"
    if status:
        lines = [l for l in r.stderr.splitlines() if l.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in r.stderr, r.stderr
        assert '"next": "a"' in slotctl(machine, "status", "--json").stdout, "another slot is next"
        install(machine, f"http://127.0.0.1:{servers['ok'].port}/ok/demo.kiln")
    assert '"next": "b"' in slotctl(machine, "status", "--json").stdout, "the version is not next"
    tail = read(machine)[RUNNING:]
    assert tail == whole[RUNNING:], "the slot is not what a file gives"
    shutil.rmtree(machine)


def guarded(fault):
    start = time.monotonic()
    try:
        check(fault)
        problem = None
    except (AssertionError, subprocess.TimeoutExpired) as e:
        problem = str(e)
    return f"{fault[0]} ({time.monotonic() - start:.1f} s)", problem


with open(at("fetch"), "w") as f:
    f.write(f'#!/bin/sh\nexec "{build}/kiln-fetch" --pause=1 --retries=3 --stall=1 --connect=2 "$@"\n')
os.chmod(at("fetch"), 0o755)
os.chmod(top.name, 0o755)
run(build + "/tests/slotctl/bundle", top.name, at("demo.kiln"), "demo", "1.1.0", "amd64", "5", "1", "2")
servers = {mode: Liar(top.name) for mode, _, _ in faults}
reference = new_machine("reference")
install(reference, at("demo.kiln"))
whole = read(reference)

# Those that wait the longest first.
faults.sort(key=lambda f: f[0] not in ("stalls", "slow", "silent", "every-second-500", "busy"))
chosen = [f for f in faults if len(sys.argv) < 3 or any(w in f[0] for w in sys.argv[2:])]
with ThreadPoolExecutor(8) as pool:
    results = list(pool.map(guarded, chosen))
for name, problem in results:
    print(f"ok   {name}" if problem is None else f"FAIL {name}: {problem}")
bad = sum(problem is not None for _, problem in results)
print(f"{len(results)} faults, {bad} failed")
sys.stdout.flush()
top.cleanup()
os._exit(1 if bad or not results else 0)  # threads of the servers still wait
