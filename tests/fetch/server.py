#!/usr/bin/env python3
"""A web server that misbehaves as the first part of the path tells it.

/MODE/NAME serves the file NAME of a folder in the way of MODE; 'ok' behaves. Only
raw sockets, so that nothing is corrected on the way. Used by faults.py, and alone:

    server.py FOLDER [CERTIFICATE-WITH-KEY [CLIENT-CA]]

prints its port and serves until standard input ends.
"""
import os, re, socket, ssl, struct, sys, threading, time

DATE = "Wed, 25 Nov 2026 10:00:00 GMT"
LATER = "Wed, 25 Nov 2026 11:00:00 GMT"


class Request:
    def __init__(self, head, number):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:] if l)}
        self.proxied = self.target.startswith("http://")
        self.path = re.sub(r"^http://[^/]*", "", self.target)
        parts = self.path.split("?")[0].split("/")
        self.mode, self.name = (parts[1], parts[2]) if len(parts) > 2 else ("", "")
        self.number = number  # of the requests of this mode, from 1
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        self.range = (int(m[1]), int(m[2])) if m else None


class Server:
    def __init__(self, folder, context=None):
        self.folder, self.context = folder, context
        self.seen = []  # requests, in order
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.other = ""  # address for redirects elsewhere
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            conn, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                conn = self.handshake(conn)
            pending = b""
            while True:
                while b"\r\n\r\n" not in pending:
                    data = conn.recv(65536)
                    if not data:
                        return
                    pending += data
                    if pending.startswith(b"\x16"):  # TLS, where none is spoken
                        return self.status(conn, "400 Bad Request")
                head, pending = pending.split(b"\r\n\r\n", 1)
                if not self.answer(conn, head):
                    return
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            conn.close()

    def handshake(self, conn):
        """A client that is refused gets to read the alert: no reset overtakes it."""
        spare = conn.dup()
        try:
            return self.context.wrap_socket(conn, server_side=True)
        except ssl.SSLError:
            spare.shutdown(socket.SHUT_WR)
            spare.settimeout(5)
            while spare.recv(65536):
                pass
            raise
        finally:
            spare.close()

    def answer(self, conn, head):
        with self.lock:
            request = Request(head, 0)
            request.number = 1 + sum(r.mode == request.mode for r in self.seen)
            self.seen.append(request)
        try:
            with open(os.path.join(self.folder, os.path.basename(request.name)), "rb") as f:
                data = f.read()
        except OSError:
            data = None
        mode = getattr(self, "do_" + request.mode.replace("-", "_"), None)
        if data is None or mode is None:
            return self.status(conn, "404 Not Found")
        return mode(conn, request, data) is not False

    # ---- pieces of answers; False closes the connection ----------------------------

    def head(self, conn, status, **headers):
        lines = ["HTTP/1.1 " + status] + [f"{k.replace('_', '-')}: {v}" for k, v in headers.items() if v is not None]
        conn.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def status(self, conn, status, **headers):
        self.head(conn, status, Content_Length=6, **headers)
        conn.sendall(b"sorry\n")
        return True

    def whole(self, conn, data, etag='"1"', modified=DATE, **headers):
        self.head(conn, "200 OK", Content_Length=len(data), ETag=etag, Last_Modified=modified, **headers)
        conn.sendall(data)
        return True

    def part(self, conn, r, data, etag='"1"', modified=DATE, first=None, length=None, body=None, total=None, **headers):
        start, end = r.range[0], min(r.range[1], len(data) - 1)
        if start >= len(data):
            return self.status(conn, "416 Range Not Satisfiable", Content_Range=f"bytes */{len(data)}")
        body = data[start:end + 1] if body is None else body
        first = start if first is None else first
        self.head(conn, "206 Partial Content", Content_Length=len(body) if length is None else length,
                  Content_Range=f"bytes {first}-{first + end - start}/{total or len(data)}",
                  ETag=etag, Last_Modified=modified, **headers)
        conn.sendall(body)
        return True

    def do_ok(self, conn, r, data, **headers):
        changed = "if-range" in r.headers and r.headers["if-range"] not in ('"1"', DATE)
        return self.part(conn, r, data, **headers) if r.range and not changed else self.whole(conn, data)

    # ---- time ------------------------------------------------------------------------

    def do_slow(self, conn, r, data):
        """20 bytes every 0.1 s."""
        self.head(conn, "206 Partial Content", Content_Length=r.range[1] - r.range[0] + 1,
                  Content_Range=f"bytes {r.range[0]}-{r.range[1]}/{len(data)}")
        for i in range(r.range[0], r.range[1], 20):
            conn.sendall(data[i:i + 20])
            time.sleep(0.1)

    def do_leisurely(self, conn, r, data):
        """All of it, but in pieces of 8 KiB with pauses."""
        start, end = r.range
        self.head(conn, "206 Partial Content", Content_Length=end - start + 1, Content_Range=f"bytes {start}-{end}/{len(data)}")
        for i in range(start, end + 1, 8192):
            conn.sendall(data[i:min(i + 8192, end + 1)])
            time.sleep(0.02)

    def do_stalls(self, conn, r, data):
        """100 KiB, then silence."""
        self.head(conn, "206 Partial Content", Content_Length=r.range[1] - r.range[0] + 1,
                  Content_Range=f"bytes {r.range[0]}-{r.range[1]}/{len(data)}", ETag='"1"')
        conn.sendall(data[r.range[0]:min(r.range[0] + 102400, r.range[1] + 1)])
        time.sleep(60)

    def do_silent(self, conn, r, data):
        time.sleep(60)

    # ---- length ----------------------------------------------------------------------

    def do_truncates(self, conn, r, data):
        """Promises the range, hangs up after 100 KiB."""
        want = r.range[1] - r.range[0] + 1
        self.part(conn, r, data, length=want, body=data[r.range[0]:r.range[0] + min(want, 102400)])
        return want <= 102400

    def do_cuts_all(self, conn, r, data):
        """Promises the range, hangs up at once."""
        self.part(conn, r, data, length=r.range[1] - r.range[0] + 1, body=b"")
        return False

    def do_length_short(self, conn, r, data):
        """Content-Length is half of what Content-Range says, and all of it is sent."""
        self.part(conn, r, data, length=(r.range[1] - r.range[0] + 2) // 2)
        return False

    def do_length_long(self, conn, r, data):
        self.part(conn, r, data, length=2 * (r.range[1] - r.range[0] + 1))
        return False

    def do_empty(self, conn, r, data):
        return self.part(conn, r, data, length=0, body=b"")

    def do_less(self, conn, r, data):
        """Never more than 50000 bytes, honestly said."""
        r.range = (r.range[0], min(r.range[1], r.range[0] + 49999))
        return self.part(conn, r, data)

    def chunked(self, conn, data, status, **headers):
        self.head(conn, status, Transfer_Encoding="chunked", **headers)
        for i in range(0, len(data), 65536):
            piece = data[i:i + 65536]
            conn.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")

    def endless(self, conn):
        while True:
            conn.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")

    def do_endless(self, conn, r, data):
        """The range, and then more without end."""
        self.chunked(conn, data[r.range[0]:r.range[1] + 1], "206 Partial Content",
                     Content_Range=f"bytes {r.range[0]}-{r.range[1]}/{len(data)}")
        self.endless(conn)

    def do_endless_whole(self, conn, r, data):
        self.chunked(conn, data, "200 OK")
        self.endless(conn)

    def do_never_ends(self, conn, r, data):
        """The range in chunks, but not the last chunk."""
        self.chunked(conn, data[r.range[0]:r.range[1] + 1], "206 Partial Content",
                     Content_Range=f"bytes {r.range[0]}-{r.range[1]}/{len(data)}")
        time.sleep(60)

    # ---- ranges ----------------------------------------------------------------------

    def do_whole(self, conn, r, data):
        return self.whole(conn, data)

    def do_whole_chunked(self, conn, r, data):
        self.chunked(conn, data, "200 OK")
        conn.sendall(b"0\r\n\r\n")

    def do_whole_later(self, conn, r, data):
        """Ranges are ignored from the second request on."""
        return self.whole(conn, data) if r.number > 1 else self.part(conn, r, data)

    def do_whole_truncates(self, conn, r, data):
        """The whole file, cut after 600 KiB the first time."""
        if r.number > 1:
            return self.whole(conn, data)
        self.head(conn, "200 OK", Content_Length=len(data), ETag='"1"')
        conn.sendall(data[:614400])
        return False

    def do_other_range(self, conn, r, data):
        return self.part(conn, r, data, first=r.range[0] + 1)

    def do_no_range_told(self, conn, r, data):
        self.head(conn, "206 Partial Content", Content_Length=10)
        conn.sendall(data[:10])

    def do_two_ranges(self, conn, r, data):
        self.head(conn, "206 Partial Content", Content_Length=10, Content_Range=f"bytes {r.range[0]}-{r.range[1]}/9999999",
                  content_range=f"bytes 0-9/{len(data)}")
        conn.sendall(data[:10])

    # ---- status ------------------------------------------------------------------------

    def do_s404(self, conn, r, data):
        return self.status(conn, "404 Not Found")

    def do_s403(self, conn, r, data):
        return self.status(conn, "403 Forbidden")

    def do_s500(self, conn, r, data):
        return self.status(conn, "500 Internal Server Error")

    def do_s500_endless(self, conn, r, data):
        self.chunked(conn, b"", "500 Internal Server Error")
        self.endless(conn)

    def do_s304(self, conn, r, data):
        self.head(conn, "304 Not Modified")

    def do_s204(self, conn, r, data):
        self.head(conn, "204 No Content")

    def do_every_second_500(self, conn, r, data):
        r.range = (r.range[0], min(r.range[1], r.range[0] + 99999))
        return self.part(conn, r, data) if r.number % 2 == 0 else self.status(conn, "500 Internal Server Error")

    def do_every_second_404(self, conn, r, data):
        r.range = (r.range[0], min(r.range[1], r.range[0] + 99999))
        return self.part(conn, r, data) if r.number % 2 else self.status(conn, "404 Not Found")

    def do_busy(self, conn, r, data):
        return self.part(conn, r, data) if r.number > 1 else self.status(conn, "429 Too Many Requests", Retry_After=1)

    def do_busy_long(self, conn, r, data):
        return self.status(conn, "503 Service Unavailable", Retry_After=86400)

    # ---- another file -----------------------------------------------------------------

    def do_changes(self, conn, r, data):
        """A server that knows If-Range: after the first answer the file is a new one."""
        new = bytes(b ^ 1 for b in data)
        return self.part(conn, r, data) if r.number == 1 else self.whole(conn, new, etag='"2"', modified=LATER)

    def do_changes_etag(self, conn, r, data):
        return self.part(conn, r, data, etag=f'"{r.number}"')

    def do_changes_weak(self, conn, r, data):
        return self.part(conn, r, data, etag=f'W/"{r.number}"')

    def do_changes_date(self, conn, r, data):
        return self.part(conn, r, data, etag=None, modified=DATE if r.number == 1 else LATER)

    def do_changes_size(self, conn, r, data):
        return self.part(conn, r, data, etag=None, modified=None, total=len(data) + r.number)

    def do_shrinks(self, conn, r, data):
        if r.number == 1:
            return self.part(conn, r, data, etag=None, modified=None)
        return self.status(conn, "416 Range Not Satisfiable", Content_Range="bytes */100")

    def do_changes_mid_request(self, conn, r, data):
        """Cut in the middle of an answer; what comes then is the new file."""
        if r.number > 1:
            return self.whole(conn, data, etag='"2"')
        self.part(conn, r, data, length=r.range[1] - r.range[0] + 1, body=data[r.range[0]:r.range[0] + 50000])
        return False

    def do_compressed(self, conn, r, data):
        return self.part(conn, r, data, Content_Encoding="gzip")

    # ---- connections --------------------------------------------------------------------

    def do_closes(self, conn, r, data):
        self.part(conn, r, data, Connection="close")
        return False

    def do_closes_silently(self, conn, r, data):
        self.part(conn, r, data, Connection="keep-alive")
        return False

    def do_resets(self, conn, r, data):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def do_no_http(self, conn, r, data):
        conn.sendall(b"220 mail.example ESMTP\r\n")
        return False

    def do_long_header(self, conn, r, data):
        conn.sendall(b"HTTP/1.1 206 Partial Content\r\nX: " + b"x" * 1000000 + b"\r\n\r\n")
        return False

    # ---- redirects -----------------------------------------------------------------------

    def do_moved(self, conn, r, data):
        return self.status(conn, "302 Found", Location=f"/ok/{r.name}")

    def do_loop(self, conn, r, data):
        return self.status(conn, "302 Found", Location=f"/loop/{r.name}")

    def do_to_file(self, conn, r, data):
        return self.status(conn, "302 Found", Location="file:///etc/passwd")

    def do_elsewhere(self, conn, r, data):
        return self.status(conn, "302 Found", Location=f"{self.other}/ok/{r.name}")

    def do_to_passing(self, conn, r, data):
        return self.status(conn, "302 Found", Location=f"/passing/{r.name}?{r.number}")

    def do_passing(self, conn, r, data):
        """Answers once per address, as links with a time limit do."""
        first = sum(s.path == r.path for s in self.seen) == 1
        return self.part(conn, r, data) if first else self.status(conn, "403 Forbidden")


def context(certificate, client_ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(certificate)
    if client_ca:
        c.verify_mode = ssl.CERT_REQUIRED
        c.load_verify_locations(client_ca)
    return c


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    server = Server(sys.argv[1], context(*sys.argv[2:]) if len(sys.argv) > 2 else None)
    print(server.port, flush=True)
    sys.stdin.read()
