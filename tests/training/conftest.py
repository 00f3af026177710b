"""For all tests of training: a cache of their own, and the toy folders drawn once a file."""

import pytest
import toy


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    "One cache for all of them: no pixel is decoded twice."
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.curated(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def findings_folder(tmp_path_factory):
    return toy.curated_findings(tmp_path_factory.mktemp("findings"))
