#!/usr/bin/env python3
"""slotctl install in 32 MiB of memory, although bundle and running slot have nearly as many chunks
as there may be. Usage: memory.py BUILD-DIR
"""
import os, subprocess, sys, tempfile

LIMIT_KIB = 32 * 1024
CHUNKS_MIN = 262000  # of 262144

build = os.path.abspath(sys.argv[1])
environ = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")


def run(*args):
    subprocess.run(args, check=True, env=environ, stdout=subprocess.DEVNULL)


def peak_kib(*args):
    """The most memory that a command ever had in RAM, and what it said."""
    with tempfile.TemporaryFile() as said:
        pid = os.posix_spawn(args[0], args, environ, file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
        said.seek(0)
        if status:
            sys.exit(f"FAIL {' '.join(args)}: status {status}")
        return usage.ru_maxrss, said.read().decode()


with tempfile.TemporaryDirectory(prefix="kiln-memory.") as top:
    bundle = top + "/b.kiln"
    run(build + "/tests/slotctl/crowded_device", top, "real", "fresh", "1.0.0", "5", "boot", "confirm")
    run(build + "/tests/slotctl/crowded_bundle", top, bundle, "demo", "1.1.0", "amd64", "5", "1", "2")
    with open(bundle, "rb") as f:
        index = next(l for l in f.read(65536).split(b"\n") if l.startswith(b"INDEX="))
    chunks = int(index[6:].split()[0]) // 20
    if chunks < CHUNKS_MIN:
        sys.exit(f"FAIL the bundle has only {chunks} chunks")
    kib, said = peak_kib(build + "/slotctl", "install", "--run-dir=" + top, "--policy-dir=" + top, bundle)
    if "copied 2." not in said:
        sys.exit(f"FAIL not half of it came from the running slot: {said}")
    print(f"{chunks} chunks: {kib / 1024:.1f} MiB")
    with open(build + "/slotctl", "rb") as f:
        sanitized = b"AddressSanitizer" in f.read()
    if kib >= LIMIT_KIB and not sanitized:
        sys.exit(f"FAIL more than {LIMIT_KIB // 1024} MiB")
