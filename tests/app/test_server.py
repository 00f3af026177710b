"""The server itself: a port, an address, and how it ends.

python -m pytest tests/app/test_server.py
"""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from toy_app import ask, form, running, served, wait_until
from toy_service import ToyService

from cxr_fastai.app.server import address_of, bound, server_for
from cxr_fastai.app.site import Site
from cxr_fastai.core import IntegrityError, StorageError


def test_a_port_is_bound_and_its_address_is_one_for_a_browser():
    with bound("127.0.0.1", 0) as sock:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address_of(sock))
    with bound("0.0.0.0", 0) as sock:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address_of(sock))


def test_a_taken_port_is_one_line_with_what_to_do():
    with bound("127.0.0.1", 0) as sock, pytest.raises(StorageError) as e:
        bound("127.0.0.1", sock.getsockname()[1])
    assert "Address already in use" in str(e.value) and "--port 0" in str(e.value)


def test_an_address_of_another_machine_is_one_line():
    with pytest.raises(StorageError, match="cannot listen at 192.0.2.1"):
        bound("192.0.2.1", 0)


def test_it_listens_at_ipv6_too(toy_model):
    try:
        bound("::1", 0).close()
    except StorageError:
        pytest.skip("this machine has no IPv6")
    with served(toy_model, service=ToyService(), host="::1") as url:
        assert url.startswith("http://[::1]:") and ask(url, "GET", "/health")[0] == 200
    with served(toy_model, service=ToyService(), host="::") as url:
        port = int(url.rsplit(":", 1)[1])
        assert ask(f"http://127.0.0.1:{port}", "GET", "/health")[0] == 200
        assert (
            ask(f"http://127.0.0.1:{port}", "GET", "/health", headers={"Host": "evil.example"})[0]
            == 421
        )


def test_what_keeps_the_service_from_starting_ends_the_server(toy_model):
    failing = ToyService(starts=IntegrityError("it decodes nothing"))
    server = server_for(Site(toy_model, failing))
    with bound("127.0.0.1", 0) as sock, pytest.raises(IntegrityError, match="it decodes nothing"):
        server.run(sockets=[sock])


def test_who_is_being_answered_when_it_stops_gets_an_answer(toy_model):
    service = ToyService(held=True)
    answers = []
    with running(toy_model, service=service) as (url, site):
        ask_one = lambda: answers.append(ask(url, "POST", "/predict", *form(("a", b"1")))[0])
        thread = threading.Thread(target=ask_one)
        thread.start()
        wait_until(lambda: service.asked == 1)
        stop = threading.Timer(0.3, service.may_go.set)
        stop.start()
    thread.join()
    assert answers == [200]


def test_who_takes_too_long_when_it_stops_is_told_so(toy_model):
    service = ToyService(held=True)
    answers = []
    with running(toy_model, service=service, stop_seconds=1) as (url, site):
        ask_one = lambda: answers.append(ask(url, "POST", "/predict", *form(("a", b"1"))))
        thread = threading.Thread(target=ask_one)
        thread.start()
        wait_until(lambda: service.asked == 1)
    thread.join()
    assert answers[0][0] == 503 and b"being stopped" in answers[0][2]


def test_what_serves_is_light():
    code = (
        "import sys, cxr_fastai.app.server, cxr_fastai.verbs.app, cxr_fastai.serving.ensemble; "
        "print({'torch', 'fastai', 'pandas', 'pydicom', 'matplotlib', 'sklearn'} & set(sys.modules))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "set()\n"
    )


@contextlib.contextmanager
def started(bundle, *options):
    "`cxr app` as a process, once it answers; and its address."
    code = "import sys; from cxr_fastai.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "app", str(bundle), "--port", "0", *options]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in the background
    )
    try:
        said = [process.stderr.readline()]
        while "answers at" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], said
        url = re.search(r"http://\S+?:\d+", said[-1])[0]
        wait_until(lambda: ask(url, "GET", "/ready")[0] == 200)
        yield process, url
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.medium
@pytest.mark.parametrize(
    "signal_,code,last",
    [(signal.SIGTERM, 0, "GET /ready 200"), (signal.SIGINT, 130, "cxr app: interrupted")],
)
def test_it_ends_on_a_signal_with_the_code_of_the_house(toy_bundle, signal_, code, last):
    with started(toy_bundle) as (process, url):
        with socket.create_connection(
            ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        ):  # one that says nothing
            time.sleep(0.05)
            process.send_signal(signal_)
            assert process.wait(20) == code
        said = process.stderr.read()
    assert "Traceback" not in said and last in said.strip().splitlines()[-1]
