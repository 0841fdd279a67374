#!/bin/sh
# What a real run reports is what the machine did: a slot whose UKI is damaged is passed
# over, and the other one confirmed, within one boot. Usage: real.sh BUILD-DIR IMAGE
set -eu
build=$1 image=$2
cd "$(dirname "$0")/../.."
out=$build/lab/report
rm -rf "$out"
mkdir -p "$out"
"$build/kiln" test --json --output "$out" "$image" --faults uki-flipped >"$out.json"
python3 tests/report/check.py "$out"
python3 - "$out" "$out.json" <<'END'
import json, os, re, sys

out, run = sys.argv[1], json.load(open(sys.argv[2]))
assert (run["passed"], run["failed"], run["skipped"], run["boots"]) == (1, 0, 0, 1), run
assert run["slots"][0]["slot"] == "a" and re.fullmatch("[0-9a-f]{64}", run["slots"][0]["root_hash"]), run["slots"]
(case,) = run["scenarios"]
(boot,) = case["timeline"]
b, a = boot["recorded"]
assert (b["slot"], b["stage"], b["reason"]) == ("b", "selected", "uki-hash"), b
assert (a["slot"], a["stage"], a["reason"]) == ("a", "confirmed", "none"), a
assert case["last_failure"] == {k: b[k] for k in ("slot", "version", "stage", "reason")}, case["last_failure"]
assert boot["slot"] == "a" and boot["confirmed"] and boot["ended"] == "cut", boot
assert [p["name"] for p in boot["phases"]] == ["firmware", "selector", "kernel", "early_init", "systemd"], boot
assert 0 < case["recovery_ms"] <= case["total_ms"] <= run["wall_ms"] == max(run["wall_ms"], run["machine_ms"]), run
log = open(os.path.join(out, boot["log"])).read()
at = [log.index(w) for w in ("kiln: selector", "kiln: slot a: starting", "kiln-init: start", "confirmed slot a")]
assert at == sorted(at), log
assert re.match(r" *\d+\.\d{3}  ", log) and "\033" not in log, log
print(f"confirmed after {case['recovery_ms'] / 1000} s, as recorded, logged and drawn")
END
