"""A real HTTP server on 127.0.0.1, for tests. A table says how each path behaves: bytes are a well-kept file (Range,
If-Range, ETag), a function of the Call does what it likes, a list takes its entries in turn and repeats the last one.

    with serve({"/a.zip": data, "/b.zip": [status(500), file(data, cut=1000)]}) as web:
        get(web.url + "/a.zip")
        web.log[0].headers["Range"]
"""

import re
import threading
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOST = "127.0.0.1"


@dataclass(frozen=True)
class SeenRequest:
    "A request as it came."

    method: str
    path: str  # without the query
    query: dict  # name -> list of values
    headers: object  # case-insensitive: headers["range"], headers.get("Range")
    body: bytes


class serve:
    "Serves while the `with` lasts. `routes` may be changed meanwhile; `log` holds what was asked, in order."

    def __init__(self, routes: dict):
        self.routes, self.log, self._turns = dict(routes), [], {}

    def __enter__(self):
        self.server = ThreadingHTTPServer((HOST, 0), Call)
        self.server.daemon_threads, self.server.block_on_close, self.server.web = True, False, self
        self.url = f"http://{HOST}:{self.server.server_port}"
        self.closing = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def asked(self, path: str) -> list[SeenRequest]:
        return [s for s in self.log if s.path == path]

    def behaviour(self, path: str):
        "What `path` does now; a route that ends in * stands for all that begin as it does."
        stars = (r for r in self.routes if r[-1] == "*" and path.startswith(r[:-1]))
        route = path if path in self.routes else next(stars, "")
        does = self.routes.get(route, status(404))
        if isinstance(does, list):
            turn = self._turns[route] = self._turns.get(route, -1) + 1
            does = does[min(turn, len(does) - 1)]
        return file(does) if isinstance(does, bytes) else does


class Call(BaseHTTPRequestHandler):
    "A request and the means to answer it; what a behaviour gets."

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        u = urlsplit(self.path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.web = self.server.web
        self.seen = SeenRequest(self.command, u.path, parse_qs(u.query), self.headers, self.body)
        self.web.log.append(self.seen)
        try:
            self.web.behaviour(u.path)(self)
        except ConnectionError:
            self.close_connection = True  # the client went away: some tests want that

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def head(self, code: int, headers: dict):
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k, str(v))
        self.end_headers()

    def answer(self, code=200, body=b"", headers=()):
        "A whole answer; `headers` go before the Content-Length that is true."
        self.head(code, {"Content-Length": len(body), **dict(headers)})
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self):
        "End the connection here."
        self.wfile.flush()
        self.close_connection = True


# ---- behaviours


def status(code: int, body=b"", **headers):
    "An answer; header names with _ for -: status(429, Retry_After=1)."
    return lambda call: call.answer(
        code, body, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def page(title="Kaggle: sign in", code=200):
    "A web page."
    html = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{'x' * 2000}</body></html>"
    return status(code, html.encode(), Content_Type="text/html; charset=utf-8")


def redirect(to: str, code=302):
    return status(code, b"gone there", Location=to)


def file(
    data: bytes,
    etag='"1"',  # '' for none; W/".." is weak
    modified="",  # Last-Modified; True for a fixed date
    ranges=True,  # answers Range, and If-Range as the RFC says; "blindly": whatever If-Range says
    cut=None,  # bytes of the body after which the connection ends
    rate=None,  # (bytes, seconds): so many, a pause, and so on
    hold=None,  # (bytes, threading.Event): so many, then nothing until the event is set
    **headers,  # instead of or beside the true ones; None leaves one out
):
    "A file that is served well, but for what is asked for here."
    known = {
        "Accept-Ranges": "bytes" if ranges else "none",
        "Content-Type": "application/octet-stream",
    }
    if etag:
        known["ETag"] = etag
    if modified:
        known["Last-Modified"] = formatdate(1e9, usegmt=True) if modified is True else modified
    lies = {k.replace("_", "-"): v for k, v in headers.items()}

    def answer(call: Call):
        code, more, begin = _part(call.headers, data, known, ranges)
        body = data[begin:]
        if code == 416:
            body = b""
        said = {**known, "Content-Length": len(body), **more, **lies}
        call.head(code, {k: v for k, v in said.items() if v is not None})
        if call.command == "HEAD":
            return
        _send(call, body[:cut], rate, hold)
        if cut is not None or lies:
            call.cut()

    return answer


def _part(headers, data: bytes, known: dict, ranges) -> tuple[int, dict, int]:
    "(status, headers, first byte) of the answer to a Range, if there is one."
    asked = re.fullmatch(r"bytes=(\d+)-", headers.get("Range", ""))
    met = headers.get("If-Range") in (None, known.get("ETag", "-"), known.get("Last-Modified", "-"))
    weak = headers.get("If-Range", "").startswith("W/")
    if not asked or not ranges or (ranges != "blindly" and (weak or not met)):
        return 200, {}, 0
    begin = int(asked[1])
    if begin >= len(data):
        return 416, {"Content-Range": f"bytes */{len(data)}"}, 0
    return 206, {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}, begin


def _send(call: Call, body: bytes, rate, hold):
    if hold and len(body) > hold[0]:
        call.wfile.write(body[: hold[0]])
        call.wfile.flush()
        while not (hold[1].wait(0.02) or call.web.closing.is_set()):
            pass
        body = body[hold[0] :]
    step, pause = rate or (len(body) or 1, 0)
    for i in range(0, len(body), step):
        call.wfile.write(body[i : i + step])
        if rate and call.web.closing.wait(pause):
            return


def chunked(data: bytes, step=1000, cut=None, **headers):
    "A body in chunks, with no stated length; `cut`: chunks after which the connection ends."

    def answer(call: Call):
        call.head(
            200,
            {
                "Transfer-Encoding": "chunked",
                **{k.replace("_", "-"): v for k, v in headers.items()},
            },
        )
        for n, i in enumerate(range(0, len(data), step)):
            if n == cut:
                return call.cut()
            piece = data[i : i + step]
            call.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        call.wfile.write(b"0\r\n\r\n")

    return answer


def silent(call: Call):
    "Takes the request and says nothing."
    call.web.closing.wait()
    call.cut()
