"""Mirrors for all tests of the room, written once."""

from types import SimpleNamespace

import numpy as np
import pytest
from toy_phantoms import SIZE, N

from cxr_fastai.phantom import CLASSES, LAYOUTS, draw, write_like, write_sources


@pytest.fixture(scope="package")
def planted(tmp_path_factory):
    return write_sources(tmp_path_factory.mktemp("phantoms"), n_per_class=8, size=48)


@pytest.fixture(scope="package")
def open_file(planted):
    return lambda name: planted.mirror / "local" / name


@pytest.fixture(scope="package")
def films():
    return {c: np.stack([draw(c, 6 * i + k, 32) for i in range(50)]) for k, c in enumerate(CLASSES)}


@pytest.fixture(scope="package")
def drawn(tmp_path_factory):
    "A mirror of every layout: where it is, and what `write_like` told of each source."
    mirror = tmp_path_factory.mktemp("mirror")
    told = {source: write_like(mirror, source, N, SIZE) for source in LAYOUTS}
    return SimpleNamespace(mirror=mirror, of=told)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    "One memory of what was seen for all tests here: no image is read twice."
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "phantom_sources_cache"))
