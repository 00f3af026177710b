"""`cxr app`: what is checked before anything is loaded, and what is said when it starts.

python -m pytest tests/verbs/test_app.py
"""

import argparse
from types import SimpleNamespace

import pytest
from toy_bundles import META, VOCAB

from cxr_fastai import cli
from cxr_fastai.app.request_log import LOG
from cxr_fastai.app.server import Server
from cxr_fastai.bundle import save_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.verbs import app as verb

TOKEN = "a-token-of-this-test"


@pytest.fixture(autouse=True)
def log():
    "The log as it was, once a test is over."
    before = (LOG.level, LOG.propagate, list(LOG.handlers))
    yield
    LOG.setLevel(before[0])
    LOG.propagate = before[1]
    LOG.handlers[:] = before[2]


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save_bundle(
        tmp_path / "bundle", build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"}
    )


@pytest.mark.parametrize(
    "flags,code,said",
    [
        ("--host 0.0.0.0", 2, "give --token-file FILE"),
        ("--host ::", 2, "or --open"),
        ("--host 10.0.0.5", 2, "lets other machines ask"),
        ("--host example.org", 2, "expected an address of this machine"),
        ("--host 0.0.0.0 --open --token-file t", 2, "leave out --open or --token-file"),
        ("--token-file gone", 2, "No such file"),
        ("--name https://films.example.org", 2, "without https:// and path"),
        ("--name a/b", 2, "--name 'a/b'"),
        ("--right --no-gate", 2, "leave out --no-gate"),
        ("--films gone", 2, "gone"),
        ("--port 70000", 2, "0 to 65535"),
        ("--max-files 0", 2, "above 0"),
    ],
)
def test_what_cannot_be_is_one_line(bundle, capsys, flags, code, said):
    try:
        got = cli.main(
            ["app", "bundle", "--port", "0", *flags.split()]
            if "--port" not in flags
            else ["app", "bundle", *flags.split()]
        )
    except SystemExit as e:
        got = e.code
    line = capsys.readouterr().err
    assert got == code and said in line and line.splitlines()[-1].startswith("cxr app: ")


def test_no_bundle_is_one_line_before_a_port_is_taken(tmp_path, capsys):
    assert cli.main(["app", str(tmp_path / "gone")]) == 2
    assert "no bundle at" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_its_command(monkeypatch, capsys, bundle):
    monkeypatch.setattr(verb, "find_spec", lambda name: None if name == "uvicorn" else True)
    assert cli.main(["app", "bundle"]) == 2
    line = capsys.readouterr().err
    assert "needs uvicorn" in line and "pip install 'cxr_fastai[app]'" in line


@pytest.fixture
def sites(monkeypatch):
    "What servers would have been started with."
    found = []
    monkeypatch.setattr(
        Server,
        "run",
        lambda self, sockets=None: (
            found.append((self.site, sockets[0].getsockname())),
            self.when_warm(),
        ),
    )
    return found


def test_flags_become_the_site(bundle, sites, capsys, tmp_path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    flags = "--max-mb 5 --max-files 2 --at-once 3 --waiting 4 --per-minute 6 --no-gate --name A.example,b.example:8443"
    words = [
        "app",
        "bundle",
        "--port",
        "0",
        "--host",
        "0.0.0.0",
        "--token-file",
        str(token),
        *flags.split(),
    ]
    assert cli.main(words) == 0
    ((site, address),) = sites
    limits = site.limits
    assert (limits.max_mb, limits.max_files, limits.at_once, limits.waiting, limits.per_minute) == (
        5,
        2,
        3,
        4,
        6,
    )
    assert site.names == ("a.example", "b.example:8443") and site.token == TOKEN
    assert address[0] == "0.0.0.0" and not site.service.gate and not site.service.right
    said = capsys.readouterr().err
    assert "answers at http://127.0.0.1:" in said and "all addresses of this machine" in said
    assert TOKEN not in said


def test_whose_films_are_looked_at_is_said_before_anybody_asks(monkeypatch, capsys):
    whose = "of the folder tb, which this model was not trained on"
    found = SimpleNamespace(index=SimpleNamespace(rows=[1, 2], whose=whose))
    monkeypatch.setattr("cxr_fastai.app.similar.similar_of", lambda *args: found)
    assert verb._similar_to("a model", "a folder", is_alone=True) is found
    said = capsys.readouterr().err
    assert f"similar films are looked for among 2 films {whose}" in said


def test_by_itself_it_listens_to_this_machine_without_a_token(bundle, sites, capsys):
    assert cli.main(["app", "bundle", "--port", "0"]) == 0
    ((site, address),) = sites
    assert address[0] == "127.0.0.1" and site.token == "" and site.names == () and site.service.gate
    said = capsys.readouterr().err
    assert "has no gate" in said and "all addresses" not in said


def test_several_bundles_answer_together(bundle, sites, capsys, tmp_path):
    other = build_network("cnn", len(VOCAB))
    save_bundle(tmp_path / "other", other, {**META, "arch": "cnn"})
    assert cli.main(["app", "bundle,other", "--port", "0"]) == 0
    ((site, _),) = sites
    assert len(site.model.members) == 2 and len(site.model_facts["bundles"]) == 2
    assert "mean of 2 bundles" in capsys.readouterr().err


def test_localhost_is_an_address_here():
    args = argparse.Namespace(host="localhost", open=False, token_file=None)
    assert verb._host_of(args) == "127.0.0.1"
    args.host = "[::1]"
    assert verb._host_of(args) == "::1"
    args.host = "192.168.0.1"
    with pytest.raises(UsageError):
        verb._host_of(args)


@pytest.mark.parametrize("is_confined", [True, False])
def test_where_decoders_are_less_shut_in_it_is_said(capsys, is_confined):
    class Decoders:
        pass

    class Started:
        decoders = Decoders()

    Started.decoders.is_confined = is_confined
    verb._say_warm(Started(), "answers at http://127.0.0.1:1")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "answers at http://127.0.0.1:1"
    assert [line.startswith("warning: this system has no Landlock") for line in lines[:-1]] == (
        [] if is_confined else [True]
    )
