"""Servers on the loopback, and an environment that knows no others, for the tests of fetch/."""

import pytest
from kaggle_endpoint import KEY, USER, Endpoint

from cxr_fastai.curation.fetch import server

OLD = b"PK-old" * 50
NEW = b"PK-new" * 60
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch, tmp_path):
    "What this machine's kagglehub or notebook holds is none of the tests' business."
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "no kagglehub"))
    monkeypatch.setattr("cxr_fastai.curation.fetch.mirrors.KAGGLE_INPUT", tmp_path / "no input")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(server, "PAUSE", 0.01)


@pytest.fixture
def endpoint():
    with Endpoint({"own/cxr": {6: OLD, 7: NEW}}) as e:
        yield e


@pytest.fixture
def environ(monkeypatch):
    def use(env):
        for name, value in env.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def kaggle(endpoint, environ, tmp_path):
    "The endpoint, with a user signed in there."
    environ(endpoint.kaggle_env(tmp_path, KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY))
    return endpoint


@pytest.fixture
def github(endpoint, environ):
    environ(endpoint.github_env())
    endpoint.files[f"/own/repo/archive/{COMMIT}.zip"] = NEW
    endpoint.files["/api/repos/own/repo/commits/HEAD"] = COMMIT.encode()
    return endpoint


@pytest.fixture
def web(endpoint, environ):
    environ(endpoint.github_env())
    return endpoint
