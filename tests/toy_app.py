"""The real server of `cxr app`, on a free port of this machine, for as long as a test needs it.

with served(bundle, max_files=2) as url: ...
"""

import contextlib
import dataclasses
import http.client
import threading
import time
import urllib.parse
from pathlib import Path

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.server import address_of, bound, server_for
from cxr_fastai.app.service import Service
from cxr_fastai.app.site import Site
from cxr_fastai.serving.ensemble import load_ensemble

LIMITS = {field.name for field in dataclasses.fields(Limits)}


@contextlib.contextmanager
def served(bundle, **options):
    "Serve a bundle (a folder, or what load_bundle gives) in a thread; yields http://127.0.0.1:PORT. Options: as for running."
    with running(bundle, **options) as (url, _):
        yield url


@contextlib.contextmanager
def running(
    bundle,
    *,
    gate=True,
    right=False,
    service=None,
    runtime=None,
    waits=True,
    host="127.0.0.1",
    port=0,
    **options,
):
    "The same; yields the address and the server's Site. Options: fields of Limits, then of Site; waits: until the model is warm."
    limits = Limits(**{name: options.pop(name) for name in list(options) if name in LIMITS})
    is_path = isinstance(bundle, (str, Path))
    model = load_ensemble([bundle], runtime=runtime) if is_path else bundle
    service = service or Service(model, limits, gate, right)
    site = Site(model, service, limits, **options)
    sock = bound(host, port)
    server = server_for(site)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started and (service.ready or not waits))
        yield address_of(sock), site
    finally:
        server.should_exit = True
        thread.join(30)
        sock.close()


def wait_until(is_so, seconds=30):
    "Wait for a condition."
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def ask(url, method="GET", path="/", body=None, headers=None, timeout=30):
    "One request: (status, headers as a dict with lower names, body)."
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def form(*files, name="files", boundary="a-boundary-of-the-test"):
    "(body, headers) of a form with files: (name, bytes) each."
    parts = []
    for filename, data in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append(
            head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n"
        )
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
