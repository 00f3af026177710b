"""`cxr app BUNDLE --runtime onnx` in this process, asked for all that it answers: prints the packages that it imported."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from cxr_fastai.phantom import draw

ADDRESSES = ("", "card", "model", "openapi.json", "metrics", "health", "static/app.js")


def main(bundle: str, films: str) -> int:
    from cxr_fastai.cli import main as cxr

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threading.Thread(
        target=ask_for_all, args=(f"http://127.0.0.1:{port}/", films), daemon=True
    ).start()
    return cxr(["app", bundle, "--runtime", "onnx", "--port", str(port)])


def ask_for_all(url: str, films: str) -> None:
    try:
        wait_until_ready(url)
        for film in sorted(Path(films).iterdir()):
            for what in ("predict", "look", "heat?of=normal"):
                assert answer(url + what, film.read_bytes()) == 200, (film, what)
        assert answer(url + "predict", b"no picture") == 0
        for address in ADDRESSES:
            assert answer(url + address) == 200, address
        tops = {name.split(".")[0] for name, module in sys.modules.items() if module}
        print(json.dumps(sorted(tops)), flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def wait_until_ready(url: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while answer(url + "ready") != 200:
        assert time.monotonic() < end, "it never got ready"
        time.sleep(0.1)


def answer(url: str, data: bytes | None = None) -> int:
    headers = {"Content-Type": "application/octet-stream"} if data else {}
    with contextlib.suppress(urllib.error.HTTPError, urllib.error.URLError):
        return urllib.request.urlopen(urllib.request.Request(url, data, headers)).status
    return 0


def png() -> bytes:
    from toy_bundles import png as as_png

    return as_png(draw("normal", 1, 128))


def dicom() -> bytes:
    import toy_dicoms

    levels = draw("normal", 2, 128).astype("uint16") * 16
    return toy_dicoms.coded(toy_dicoms.dicom(levels), "JPEGLosslessProcess14_1")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
