"""Kaggle, GitHub and a plain web server on a loopback port, for tests. Kaggle's real client reaches it as its proxy:
with `Endpoint(datasets).kaggle_env(home)` in the environment it speaks to http://localhost/api/v1/... through here.

    with Endpoint({"own/cxr": {6: old_zip, 7: new_zip}}) as e:
        e.say("DownloadDataset", (429, {"Retry-After": "0"}))  # once; then as usual
        e.files["/a/scans.zip"] = data                         # for GitHub and http; e.url + path
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USER, KEY, TOKEN, SIGNATURE = "chester", "k3y" * 10 + "kk", "KGAT_t0ken" * 3, "s1gned" * 8
SECRETS = (KEY, TOKEN, SIGNATURE, base64.b64encode(f"{USER}:{KEY}".encode()).decode())
HANG = "hang"  # say(call, HANG): no answer while the endpoint lives
REST = (
    ("view", "GetDataset"),
    ("metadata", "GetDatasetMetadata"),
    ("download", "DownloadDataset"),
)  # the older client
BLANK = dict.fromkeys(
    (
        "KAGGLE_USERNAME",
        "KAGGLE_KEY",
        "KAGGLE_API_TOKEN",
        "KAGGLE_CONFIG_DIR",
        "XDG_CONFIG_HOME",
        "VERBOSE",
        "VERBOSE_OUTPUT",
        "GITHUB_TOKEN",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    )
)


@dataclass(frozen=True)
class SeenRequest:
    "A request as it came."

    call: str  # GetDataset, DownloadDataset, ..; or the path
    method: str
    headers: dict
    asked: dict  # a Kaggle call's body


class Endpoint:
    def __init__(self, datasets=(), anonymous=False):
        self.datasets, self.anonymous = (
            dict(datasets),
            anonymous,
        )  # handle -> version -> bytes of the archive
        self.files, self.seen, self._said = {}, [], {}
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.daemon_threads, self.server.endpoint = True, self
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def say(self, call, *answers):
        "Answer `call` (or a path) with each of `answers` once, (status, headers, body) or HANG, then as usual."
        self._said[call] = list(answers)

    def calls(self, call) -> list[SeenRequest]:
        return [s for s in self.seen if s.call == call]

    def kaggle_env(self, home, **more) -> dict:
        "The environment that sends Kaggle's client here, signed in by what `more` or `home` holds. None: to be unset."
        return {
            **BLANK,
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "HTTP_PROXY": self.url,
            "http_proxy": self.url,
            "HOME": str(home),
            **more,
        }

    def github_env(self, **more) -> dict:
        return {**BLANK, "GITHUB_SERVER_URL": self.url, "GITHUB_API_URL": self.url + "/api", **more}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        e, path = self.server.endpoint, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call, asked = _kaggle_call(self.path, body)
        e.seen.append(SeenRequest(call or path, self.command, dict(self.headers), asked))
        said = e._said.get(call or path)
        answer = said.pop(0) if said else None
        if answer == HANG:
            e.closing.wait()
        elif answer:
            self.send(*answer)
        elif call:
            self.kaggle(call, asked)
        elif path.startswith("/storage/"):
            self.storage(path)
        elif path in e.files:
            self.file(e.files[path])
        else:
            self.send(404)

    do_POST = do_HEAD = do_GET

    def send(self, status, headers=(), body=b""):
        if isinstance(body, dict):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        self.send_response(status)
        for k, v in {"Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def file(self, data: bytes):
        "The whole, or what Range asks of it."
        start = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        tag = {"ETag": f'"{len(data)}-{sum(data)}"', "Content-Type": "application/octet-stream"}
        if not start or self.headers.get("If-Range", tag["ETag"]) != tag["ETag"]:
            return self.send(200, tag, data)
        a, b = int(start[1]), int(start[2] or len(data) - 1)
        self.send(206, {**tag, "Content-Range": f"bytes {a}-{b}/{len(data)}"}, data[a : b + 1])

    def signed_in(self) -> bool:
        given = self.headers.get("Authorization", "")
        if not given:
            return self.server.endpoint.anonymous
        return given in (
            f"Bearer {TOKEN}",
            "Basic " + base64.b64encode(f"{USER}:{KEY}".encode()).decode(),
        )

    def kaggle(self, call, asked):
        if call == "IntrospectToken":
            return self.send(200, (), {"active": asked["token"] == TOKEN, "username": USER})
        if not self.signed_in():
            return self.send(401, (), {"code": 401, "message": "Unauthenticated"})
        versions = self.server.endpoint.datasets.get(f"{asked['ownerSlug']}/{asked['datasetSlug']}")
        current = max(versions or [0])
        version = int(asked.get("datasetVersionNumber") or current)
        if not versions or version not in versions:
            return self.send(404, (), {"code": 404, "message": "Not found"})
        if call == "GetDataset":
            return self.send(
                200, (), {"currentVersionNumber": current, "totalBytes": len(versions[current])}
            )
        if call == "GetDatasetMetadata":
            return self.send(200, (), {"info": {"licenses": [{"name": "CC0-1.0"}]}})
        where = f"/storage/{asked['ownerSlug']}/{asked['datasetSlug']}/{version}.zip?X-Goog-Signature={SIGNATURE}"
        self.send(302, {"Location": self.server.endpoint.url + where})

    def storage(self, path):
        "As a bucket: a signed link opens it, and nothing else does."
        owner, name, file = path.split("/")[2:]
        if f"X-Goog-Signature={SIGNATURE}" not in self.path:
            return self.send(403)
        self.file(self.server.endpoint.datasets[f"{owner}/{name}"][int(file.split(".")[0])])


def _kaggle_call(url: str, body: bytes) -> tuple[str, dict]:
    "(name of a Kaggle call or blank, what it asks) in the words of either generation of the client."
    u = urlsplit(url)
    if m := re.fullmatch(r"/api/v1/\w+\.\w+/(\w+)", u.path):
        return m[1], json.loads(body or b"{}")
    if not (m := re.fullmatch(r"/api/v1/datasets/(\w+)/([\w-]+)/([\w-]+)", u.path)):
        return "", {}
    query = {k.lower(): v[0] for k, v in parse_qs(u.query).items()}
    version = query.get("datasetversionnumber")
    return dict(REST).get(m[1], ""), {
        "ownerSlug": m[2],
        "datasetSlug": m[3],
        "datasetVersionNumber": version,
    }
