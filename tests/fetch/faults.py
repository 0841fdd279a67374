#!/usr/bin/env python3
"""kiln-fetch against a server that misbehaves: for each fault the exact bytes, or one
clear sentence and its exit status.

    faults.py KILN-FETCH [WORD...]     only the cases that have a WORD in their name
"""
import os, random, subprocess, sys, tempfile, time, warnings
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as web

OK, FAILED, USAGE, REFUSED, UNREACHABLE, NOT_FOUND, DENIED, CHANGED, ENDS_EARLY, PROTOCOL = range(10)
SIZE = 1 << 20
DATA = random.Random(1).randbytes(SIZE)
ALL = [(0, SIZE)]
FAST = ["--pause=1", "--retries=3", "--stall=1", "--connect=2"]

warnings.simplefilter("ignore", DeprecationWarning)  # that TLS 1.1 is old is the point
program = os.path.abspath(sys.argv[1])
folder = tempfile.TemporaryDirectory(prefix="kiln-fetch.")
cases = []
environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
environ["ASAN_OPTIONS"] = "detect_leaks=0"  # it traces, which is forbidden


def path(name):
    return os.path.join(folder.name, name)


def case(f):
    cases.append(f)
    return f


def lines(requests):
    return "".join(f"GET {o} {n}\n" for o, n in requests).encode()


def wanted(requests):
    return b"".join(DATA[o:o + n] for o, n in requests)


def fetch(url, requests, *options, env=None, text=None):
    r = subprocess.run([program, *FAST, *options, url], input=lines(requests) if text is None else text,
                       capture_output=True, env={**environ, **(env or {})}, timeout=60)
    return r.returncode, r.stdout, r.stderr.decode()


def expect(what, got, status, out=None, *said):
    """@out: the exact output; each of @said must be in the one line on stderr."""
    code, stdout, stderr = got
    assert code == status, f"{what}: exit status {code}, not {status}: {stderr!r}"
    if out is not None:
        assert stdout == out, f"{what}: {len(stdout)} bytes are not the {len(out)} that were asked for"
    if status == OK:
        assert stderr == "", f"{what}: {stderr!r}"
    else:
        assert stderr.count("\n") == 1 and stderr.endswith("\n"), f"{what}: not one sentence: {stderr!r}"
    for s in said:
        assert s in stderr, f"{what}: {stderr!r} does not say {s!r}"


def at(srv, mode, scheme="http", host="127.0.0.1", name="f"):
    return f"{scheme}://{host}:{srv.port}/{mode}/{name}"


def plain():
    return web.Server(folder.name)


def arrives(mode, requests=ALL, *options, most=None, least=None):
    srv = plain()
    expect(mode, fetch(at(srv, mode), requests, *options), OK, wanted(requests))
    n = len(srv.seen)
    assert most is None or n <= most, f"{mode}: {n} requests, more than {most}"
    assert least is None or n >= least, f"{mode}: {n} requests, fewer than {least}"
    return srv


def fails(mode, status, *said, requests=ALL, options=(), out=None, most=None):
    srv = plain()
    expect(mode, fetch(at(srv, mode), requests, *options), status, out, at(srv, mode), *said)
    assert most is None or len(srv.seen) <= most, f"{mode}: {len(srv.seen)} requests, more than {most}"
    return srv


# ---- requests ----------------------------------------------------------------------

@case
def bytes_in_order_whatever_the_order():
    arrives("ok", [(0, 1), (SIZE - 1, 1), (5, 100000), (5, 100000), (0, SIZE), (77, 1)])


@case
def adjacent_requests_are_one():
    srv = arrives("ok", [(i, 4096) for i in range(0, SIZE, 4096)], most=1)
    assert srv.seen[0].range == (0, SIZE - 1)


@case
def small_gaps_are_read_over():
    arrives("ok", [(i, 1000) for i in range(0, SIZE - 1000, 10000)], most=1)
    arrives("ok", [(0, 1000), (66536, 1000)], most=1)
    arrives("ok", [(0, 1000), (66537, 1000)], least=2)


@case
def one_connection_serves_many_requests():
    srv = arrives("ok", [(i, 10) for i in range(SIZE - 10, 0, -5000)], least=200)
    assert srv.connections == 1, srv.connections


@case
def a_parent_that_waits_for_each_answer():
    srv = plain()
    p = subprocess.Popen([program, *FAST, at(srv, "ok")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    for o, n in [(0, 4096), (4096, 4096), (100, 65536), (500000, 300000)]:
        p.stdin.write(lines([(o, n)]))
        p.stdin.flush()
        assert p.stdout.read(n) == DATA[o:o + n]
    p.stdin.close()
    assert p.stdout.read() == b"" and p.wait(10) == 0


@case
def more_requests_than_the_queue_holds():
    arrives("ok", [(i % 1000000, 7) for i in range(0, 60000, 7)])


@case
def a_slow_reader_is_no_slow_server():
    srv = plain()
    p = subprocess.Popen([program, *FAST, at(srv, "ok")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    p.stdin.write(lines(ALL))
    p.stdin.close()
    time.sleep(2.5)
    assert p.stdout.read() == DATA and p.wait(10) == 0 and len(srv.seen) == 1


@case
def a_reader_that_goes_away_ends_it():
    srv = plain()
    p = subprocess.Popen([program, *FAST, "--stall=50", at(srv, "silent")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=environ)
    p.stdin.write(lines(ALL))
    p.stdin.flush()
    time.sleep(0.3)
    p.stdout.close()
    assert p.wait(5) == FAILED and b"nobody reads" in p.stderr.read()


@case
def nothing_asked_nothing_done():
    arrives("ok", [], most=0)


@case
def wrong_requests():
    srv = plain()
    for text in [b"GET 0\n", b"GET 0 0\n", b"GET -1 5\n", b"GET 00 5\n", b"get 0 5\n", b"GET  0 5\n", b"GET 0 5 \n",
                 b"GET 0 5\r\n", b"GET 0x1 5\n", b"\n", b"GET 9223372036854775807 1\n", b"GET 0 99999999999999999999\n",
                 b"GET 0 5\0\n", b"PUT 0 5\n"]:
        expect(text, fetch(at(srv, "ok"), [], text=text), USAGE, b"", "a request is not 'GET OFFSET LENGTH'")
    for text in [b"GET 0 5", b"x" * 5000]:
        expect(text, fetch(at(srv, "ok"), [], text=text), USAGE, b"", "a request line has no end")
    assert not srv.seen


@case
def wrong_command_lines():
    for args, said in [(["ftp://h/f"], "must begin with http:// or https://"), (["file:///etc/passwd"], "must begin with"),
                       (["/etc/passwd"], "must begin with"), (["http://h/a b"], "special character"),
                       (["--stall=0", "http://h/"], "--stall must lie between"), (["--key=/k", "http://h/"], "--key needs --cert"),
                       (["--proxy=ftp://p", "http://h/"], "the proxy must begin with"), ([], "an argument is missing")]:
        r = subprocess.run([program, *args], input=b"", capture_output=True, env=environ, timeout=10)
        assert r.returncode == USAGE and said in r.stderr.decode(), (args, r)
    srv = plain()
    expect("user in the URL", fetch(f"http://u:p@127.0.0.1:{srv.port}/ok/f", ALL), REFUSED, b"")
    assert not srv.seen


# ---- time --------------------------------------------------------------------------

@case
def a_server_too_slow():
    fails("slow", UNREACHABLE, "the server was too slow for 1 s", options=["--retries=1"])


@case
def a_server_slow_enough_to_bear():
    arrives("leisurely", ALL)


@case
def a_stall_is_resumed():
    srv = arrives("stalls", [(0, 300000)], most=3)
    assert [r.range[0] for r in srv.seen] == [0, 102400, 204800]


@case
def a_server_that_says_nothing():
    fails("silent", UNREACHABLE, "the server said nothing for 1 s (given up after 2 attempts)", options=["--retries=1"], most=2)


@case
def nobody_there():
    expect("refused", fetch("http://127.0.0.1:1/f", ALL), UNREACHABLE, b"", "Failed to connect", "(given up after 4 attempts)")
    expect("no name", fetch("http://name.invalid/f", ALL, "--retries=0"), UNREACHABLE, b"", "resolve host")


@case
def a_rate_limit_holds():
    for requests in (ALL, [(i, 16384) for i in range(SIZE - 16384, -1, -16384)]):
        srv = plain()
        t = time.monotonic()
        expect("limit", fetch(at(srv, "ok"), requests, "--limit-rate=512K"), OK, wanted(requests))
        took = time.monotonic() - t
        assert 1.6 < took < 3.5, f"1 MiB at 512 KiB/s took {took:.2f} s"


@case
def a_cap_on_all_that_comes():
    fails("ok", PROTOCOL, "the server sends more than can be needed", options=["--max-bytes=500000"])
    fails("endless-whole", PROTOCOL, "the server sends more than can be needed", requests=[(2 * SIZE, 1 << 40)],
          options=["--max-bytes=20M"])


# ---- length ------------------------------------------------------------------------

@case
def a_truncated_answer_is_resumed():
    srv = arrives("truncates", ALL, most=11)
    assert [r.range[0] for r in srv.seen] == list(range(0, SIZE, 102400))


@case
def answers_that_never_get_anywhere():
    fails("cuts-all", UNREACHABLE, "(given up after 4 attempts)", out=b"", most=4)
    fails("empty", PROTOCOL, "the server sends nothing of the range (given up after 4 attempts)", out=b"", most=4)
    fails("resets", UNREACHABLE, "(given up after 4 attempts)", out=b"")


@case
def wrong_lengths_do_no_harm():
    arrives("length-short", [(0, 100000), (500000, 100000)])
    arrives("length-long", [(0, 100000), (500000, 100000)])
    arrives("less", ALL, most=21)


@case
def endless_bodies_are_cut():
    arrives("endless", [(0, 100000), (500000, 100000), (0, SIZE)], most=3)
    arrives("endless-whole", [(0, 100000), (500000, 100000)], most=1)
    arrives("never-ends", [(0, 100000), (500000, 100000)], most=2)


@case
def a_file_that_ends_early():
    good = DATA[SIZE - 100:]
    fails("ok", ENDS_EARLY, f"the file ends after {SIZE} bytes, before what is to be read", requests=[(SIZE - 100, 101)], out=good)
    fails("ok", ENDS_EARLY, "the file ends before what is to be read", requests=[(SIZE, 1)], out=b"", most=1)
    fails("whole", ENDS_EARLY, f"ends after {SIZE} bytes", requests=[(SIZE - 100, 101)], out=good)
    fails("whole-chunked", ENDS_EARLY, f"ends after {SIZE} bytes", requests=[(SIZE - 100, 101)], out=good)


# ---- ranges ------------------------------------------------------------------------

@case
def ignored_ranges_are_read_on():
    arrives("whole", [(0, 4096), (4096, 10), (5000, 10), (900000, 100000)], most=1)
    arrives("whole-chunked", [(10, 4096), (900000, 100000)], most=1)
    arrives("whole-later", [(0, 4096), (500000, 100), (900000, 100000)], most=2)
    arrives("whole-truncates", ALL, most=2)


@case
def a_stream_waits_for_the_next_request():
    srv = plain()
    p = subprocess.Popen([program, *FAST, at(srv, "whole")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
    for o, n in [(0, 4096), (4096, 4096), (500000, 300000), (900000, 10)]:
        p.stdin.write(lines([(o, n)]))
        p.stdin.flush()
        assert p.stdout.read(n) == DATA[o:o + n]
        time.sleep(0.7)
    p.stdin.close()
    assert p.wait(10) == 0 and len(srv.seen) == 1


@case
def ignored_ranges_go_back_once():
    back = [(500000, 10), (0, 10), (700000, 10)]
    arrives("whole", back, most=2)
    fails("whole", PROTOCOL, "the server ignores ranges, and the file would have to be read from its beginning once more",
          requests=back + [(5, 10)], out=wanted(back), most=2)


@case
def other_ranges_than_asked_for():
    said = "the server answers another range than was asked for (given up after 4 attempts)"
    for mode in ("other-range", "no-range-told", "two-ranges"):
        fails(mode, PROTOCOL, said, out=b"", requests=[(0, 10)])


# ---- status ------------------------------------------------------------------------

@case
def status_codes():
    fails("s404", NOT_FOUND, "there is no such file on the server (HTTP status 404)", most=1, out=b"")
    fails("s403", DENIED, "the server denies it (HTTP status 403)", most=1, out=b"")
    fails("s500", UNREACHABLE, "the server answers HTTP status 500 (given up after 4 attempts)", most=4, out=b"")
    fails("s500-endless", UNREACHABLE, "HTTP status 500 (given up after 4 attempts)", most=4, out=b"")
    fails("s304", PROTOCOL, "HTTP status 304", out=b"")
    fails("s204", PROTOCOL, "HTTP status 204", out=b"")


@case
def every_second_request_fails():
    arrives("every-second-500", ALL, most=22)
    fails("every-second-404", NOT_FOUND, "no such file", out=DATA[:100000], most=2)


@case
def a_busy_server_is_left_alone():
    t = time.monotonic()
    arrives("busy", ALL, most=2)
    assert time.monotonic() - t >= 1
    fails("busy-long", UNREACHABLE, "HTTP status 503 and wants to be left alone for 86400 s", most=1)


# ---- another file --------------------------------------------------------------------

@case
def a_changed_file():
    two = [(0, 1000), (500000, 1000)]
    for mode in ("changes", "changes-etag", "changes-weak", "changes-date", "changes-size", "shrinks"):
        fails(mode, CHANGED, "the file changed on the server while it was read", requests=two, out=DATA[:1000], most=2)
    fails("changes-mid-request", CHANGED, "the file changed on the server while it was read", out=DATA[:50000], most=2)


@case
def the_server_is_asked_to_compare():
    srv = arrives("ok", [(0, 10), (500000, 10)])
    assert "if-range" not in srv.seen[0].headers and srv.seen[1].headers["if-range"] == '"1"'
    assert srv.seen[0].headers["accept-encoding"] == "identity"
    srv = fails("changes-date", CHANGED, requests=[(0, 10), (500000, 10)])
    assert srv.seen[1].headers["if-range"] == web.DATE
    srv = fails("changes-weak", CHANGED, requests=[(0, 10), (500000, 10)])
    assert srv.seen[1].headers["if-range"] == web.DATE


@case
def compression_is_refused():
    fails("compressed", REFUSED, "refused: the server encodes the file (Content-Encoding)", out=b"", most=1)


# ---- connections ----------------------------------------------------------------------

@case
def closed_connections_are_opened_again():
    requests = [(i, 1000) for i in range(SIZE - 1000, 0, -100000)]
    assert arrives("closes", requests).connections == len(requests)
    assert arrives("closes-silently", requests).connections == len(requests)


@case
def what_is_no_http():
    fails("no-http", PROTOCOL, "what the server answers is not HTTP (given up after 4 attempts)", out=b"")
    srv = plain()
    code, out, said = fetch(at(srv, "long-header"), ALL)
    assert code in (FAILED, UNREACHABLE) and out == b"" and ("too long a header" in said or "oo large" in said), (code, said)


# ---- redirects ------------------------------------------------------------------------

@case
def redirects():
    srv = arrives("moved", [(0, 10), (500000, 10), (100, 10)])
    assert sum(r.mode == "moved" for r in srv.seen) == 1, "the new address is remembered"
    arrives("to-passing", [(0, 10), (500000, 10), (100, 10)])
    fails("loop", REFUSED, "refused: the server redirects more than 5 times", out=b"", most=6)
    fails("to-file", REFUSED, "refused: the server redirects to an address that is not http or https", out=b"")


# ---- proxies --------------------------------------------------------------------------

@case
def proxies():
    proxy = plain()
    address = f"http://127.0.0.1:{proxy.port}"
    expect("--proxy", fetch("http://host.invalid/ok/f", ALL, "--proxy=" + address), OK, DATA)
    expect("http_proxy", fetch("http://host.invalid/ok/f", ALL, env={"http_proxy": address}), OK, DATA)
    assert len(proxy.seen) == 2 and all(r.proxied for r in proxy.seen)
    srv = plain()
    expect("no_proxy", fetch(at(srv, "ok"), ALL, env={"http_proxy": address, "no_proxy": "127.0.0.1"}), OK, DATA)
    assert len(proxy.seen) == 2
    expect("no proxy", fetch("http://host.invalid/f", ALL, "--proxy=http://127.0.0.1:1"), UNREACHABLE, b"")


# ---- TLS -------------------------------------------------------------------------------

def openssl(*args):
    subprocess.run(["openssl", *args], cwd=folder.name, check=True, capture_output=True)


def make_certificates():
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "other"):
        openssl("req", "-x509", *key, "-keyout", ca + ".key", "-out", ca + ".pem", "-subj", "/CN=" + ca, "-days", "30")
    for name, host, days, ca in [("good", "localhost", "30", "ca"), ("expired", "localhost", "-1", "ca"),
                                 ("elsewhere", "elsewhere.invalid", "30", "ca"), ("client", "client.invalid", "30", "ca"),
                                 ("stranger", "stranger.invalid", "30", "other")]:
        with open(path("ext"), "w") as f:
            f.write(f"subjectAltName=DNS:{host}\n")
        openssl("req", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + host)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-days", days,
                "-extfile", "ext", "-out", name + ".crt")
        with open(path(name + ".pem"), "w") as f:
            f.write(open(path(name + ".crt")).read() + open(path(name + ".key")).read())
        os.chmod(path(name + ".key"), 0o600)
        os.chmod(path(name + ".pem"), 0o600)


def secure(name, client_ca=None):
    return web.Server(folder.name, web.context(path(name + ".pem"), client_ca and path(client_ca + ".pem")))


def tls(srv, *options, mode="ok", requests=ALL, ca="ca"):
    return fetch(at(srv, mode, "https", "localhost"), requests, *([f"--cacert={path(ca + '.pem')}"] if ca else []), *options)


@case
def a_trusted_server():
    srv = secure("good")
    expect("TLS", tls(srv, requests=[(i, 1000) for i in range(SIZE - 1000, 0, -100000)]), OK)
    assert srv.connections == 1


@case
def wrong_certificates():
    said = "the server's certificate is refused: "
    expect("other CA", tls(secure("good"), ca="other"), REFUSED, b"", said + "SSL certificate problem")
    expect("system's CAs", tls(secure("good"), ca=None), REFUSED, b"", said)
    expect("expired", tls(secure("expired")), REFUSED, b"", said, "expired", "; this machine's clock says 20")
    expect("host", tls(secure("elsewhere")), REFUSED, b"", said, "subject name matches")


@case
def client_certificates():
    srv = secure("good", client_ca="ca")
    expect("with", tls(srv, f"--cert={path('client.pem')}"), OK, DATA)
    expect("key apart", tls(srv, f"--cert={path('client.crt')}", f"--key={path('client.key')}"), OK, DATA)
    said = "the server refuses this machine's certificate, or wants one: "
    expect("without", tls(srv), DENIED, b"", said)
    expect("stranger's", tls(srv, f"--cert={path('stranger.pem')}"), DENIED, b"", said)
    wrong = tls(srv, f"--cert={path('client.crt')}", f"--key={path('good.key')}")
    expect("another's key", wrong, FAILED, b"", "this machine's certificate or key cannot be used")
    expect("no file", tls(srv, "--cert=/nonexistent"), FAILED, b"", "/nonexistent")
    expect("no CA file", tls(srv, "--cacert=/nonexistent"), FAILED, b"", "/nonexistent")


@case
def a_locked_key_asks_nobody():
    openssl("ec", "-in", "client.key", "-aes128", "-passout", "pass:x", "-out", "locked.key")
    expect("locked", tls(secure("good", client_ca="ca"), f"--cert={path('client.crt')}", f"--key={path('locked.key')}"), FAILED,
           b"", "this machine's certificate or key cannot be used")


@case
def certificates_that_are_none():
    with open(path("rubbish.pem"), "w") as f:
        f.write("rubbish\n")
    code, out, said = tls(secure("good"), ca="rubbish")
    assert code in (FAILED, REFUSED) and out == b"" and "certificate" in said, (code, said)


@case
def from_https_never_to_http():
    srv, weak, strong = secure("good"), plain(), secure("good")
    srv.other = f"http://localhost:{weak.port}"
    expect("https to http", tls(srv, mode="elsewhere"), REFUSED, b"", "refused: the server redirects to an address that is not https")
    assert not weak.seen
    srv.other = f"https://localhost:{strong.port}"
    expect("https to https", tls(srv, mode="elsewhere"), OK, DATA)
    weak.other = f"https://localhost:{strong.port}"
    expect("http to https", fetch(at(weak, "elsewhere"), ALL, f"--cacert={path('ca.pem')}"), OK, DATA)


@case
def old_versions_of_tls_are_refused():
    context = web.context(path("good.pem"))
    context.minimum_version = context.maximum_version = web.ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    got = tls(web.Server(folder.name, context), "--retries=0")
    expect("TLS 1.1", got, UNREACHABLE, b"", "alert protocol version")


@case
def http_where_https_should_be():
    srv = plain()
    expect("no TLS", fetch(at(srv, "ok", "https"), ALL, "--retries=0", f"--cacert={path('ca.pem')}"), UNREACHABLE, b"", "wrong version number")


# ---- privileges -------------------------------------------------------------------------

@case
def it_is_nobody_and_holds_nothing():
    srv = plain()
    spare = os.open("/dev/null", os.O_RDWR)
    os.set_inheritable(spare, True)
    p = subprocess.Popen([program, *FAST, at(srv, "stalls")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ,
                         pass_fds=[spare])
    p.stdin.write(lines(ALL))
    p.stdin.flush()
    p.stdout.read(100)
    with open(f"/proc/{p.pid}/status") as f:
        status = dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
    root = os.geteuid() == 0
    links = [os.readlink(f"/proc/{p.pid}/fd/{n}") for n in os.listdir(f"/proc/{p.pid}/fd")] if root else []
    p.kill()
    p.wait()
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    assert "/dev/null" not in links, links
    if root:
        assert set(status["Uid"].split()) == {"65534"} == set(status["Gid"].split()), status
        assert status["Groups"].strip() == "" and int(status["CapPrm"], 16) == 0 and int(status["CapEff"], 16) == 0, status


@case
def no_secrets_are_logged():
    log = path("keylog")
    expect("SSLKEYLOGFILE", (lambda s: fetch(at(s, "ok", "https", "localhost"), ALL, f"--cacert={path('ca.pem')}",
                                             env={"SSLKEYLOGFILE": log}))(secure("good")), OK, DATA)
    assert not os.path.exists(log)


@case
def a_query_is_not_shown():
    srv = plain()
    code, _, said = fetch(at(srv, "s404") + "?token=secret", ALL)
    assert code == NOT_FOUND and "secret" not in said


def run(f):
    start = time.monotonic()
    try:
        f()
        problem = None
    except (AssertionError, subprocess.TimeoutExpired) as e:
        problem = str(e)
    return f.__name__.replace("_", " "), problem, time.monotonic() - start


def main():
    with open(path("f"), "wb") as f:
        f.write(DATA)
    os.chmod(folder.name, 0o755)
    make_certificates()
    chosen = [c for c in cases if len(sys.argv) < 3 or any(w in c.__name__ for w in sys.argv[2:])]
    # They mostly wait.
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, chosen))
    for name, problem, took in results:
        print(f"ok   {name} ({took:.1f} s)" if problem is None else f"FAIL {name}: {problem}")
    bad = sum(problem is not None for _, problem, _ in results)
    print(f"{len(results)} cases, {bad} failed")
    sys.stdout.flush()
    os._exit(1 if bad or not results else 0)  # threads of the servers still wait


main()
