# SPDX-License-Identifier: MIT
"""An HTTP server on 127.0.0.1 whose misbehaviour a case chooses."""
import http.server
import re
import socket
import threading


class Site:
    """One file and how it is served; what was asked is kept."""

    def __init__(self, data):
        self.data = data
        self.etag = '"one"'
        self.with_ranges = True
        self.with_length = True
        self.claims = None  # a length that is not the file's
        self.breaks_at = []  # bytes of the body after which answers break off, in turn
        self.pause_s = 0.0  # between pieces
        self.status = 200
        self.failures = 0  # answers with status 503 before the first good one
        self.location = None
        self.requests = []
        self.lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def plain(self, status, headers=(), body=b"no"):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def first_byte(self, site):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, site.etag)
        return int(asked[1]) if asked and same and site.with_ranges else None

    def do_GET(self):  # pylint: disable=invalid-name
        site = self.server.site
        with site.lock:
            site.requests.append((self.path, self.headers.get("Range")))
            fails = site.failures > 0
            site.failures -= fails
            until = site.breaks_at.pop(0) if site.breaks_at and not fails else None
        if fails:
            self.plain(503)
        elif site.status != 200:
            self.plain(site.status, [("Location", site.location)] if site.location else [])
        else:
            self.body(site, until)

    def body(self, site, until):
        first = self.first_byte(site)
        if first is not None and first >= len(site.data):
            self.plain(416, [("Content-Range", "bytes */%d" % len(site.data))])
            return
        data = site.data[first or 0:]
        self.send_response(200 if first is None else 206)
        if first is not None:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, len(site.data) - 1,
                                                                   len(site.data)))
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.with_length:
            self.send_header("Content-Length", str(site.claims or len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.pour(data[:until], site.pause_s)

    def pour(self, data, pause_s):
        try:
            for at in range(0, len(data), 1 << 14):
                self.wfile.write(data[at:at + (1 << 14)])
                self.wfile.flush()
                if pause_s and self.server.stopping.wait(pause_s):
                    return
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    address_family = socket.AF_INET

    def __init__(self, data):
        super().__init__(("127.0.0.1", 0), Handler)
        self.site = Site(data)
        self.stopping = threading.Event()
        self.url = "http://127.0.0.1:%d/" % self.server_address[1]

    def handle_error(self, *_):  # pylint: disable=arguments-differ
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.shutdown()
        self.server_close()
