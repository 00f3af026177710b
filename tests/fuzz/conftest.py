"""The valid starting points that the fuzz tests spoil: made once, copied or linked into the folder of each case."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import toy
from toy_bundles import META, VOCAB
from toy_sources import put, rule, write_catalog

from cxr_fastai.bundle import save_bundle
from cxr_fastai.curation import engines
from cxr_fastai.models.networks import build_network

NOWHERE = "http://127.0.0.1:9"  # no case goes out
LABELS = {
    "cov": "covid_19",
    "norm": "no_finding",
    "mass": "mass",
    "tb": "tuberculosis",
    "bac": "bacterial_pneumonia",
    "vir": "viral_pneumonia",
}


class Here:
    """An engine in this process: a process for each case would take seconds."""

    workers = 1

    def __init__(self, workers: int | None = None) -> None: ...

    def map(
        self, fn: Callable[[list[Any]], list[Any]], chunks: Any, seconds: float
    ) -> Iterator[tuple[int, list[Any]]]:
        for i, chunk in enumerate(chunks):
            yield i, fn(chunk)

    def close(self) -> None: ...


@dataclass(frozen=True)
class World:
    """Where the valid starting points lie."""

    root: Path

    def copy(self, name: str, to: Path) -> Path:
        """Link the files of a folder of this world; a case that changes one writes it anew."""
        return Path(shutil.copytree(self.root / name, to / name, copy_function=os.link))


def sources(root: Path) -> None:
    """Local sources: one labelled by folder, one by a table."""
    for k, label in enumerate(LABELS):
        put(root / "one" / label / "0.png", k)
        put(root / "two" / "images" / f"{label}.png", 10 + k)
    lines = [f"{label}.png,{label},p{k},{40 + k},F,PA" for k, label in enumerate(LABELS)]
    table = "file,finding,patient,age,sex,view\n" + "\n".join(lines) + "\n"
    (root / "two" / "labels.csv").write_text(table)
    by_folder = [
        rule(first=i == 0, label_value=label, findings=finding)
        for i, (label, finding) in enumerate(LABELS.items())
    ]
    told = dict(
        glob="images/*.png",
        label_from="column",
        label_key="finding",
        table="labels.csv",
        table_key="{file}",
        patient="two:{patient}",
        age="{age}",
        sex="{sex}",
        view="{view}",
    )
    by_table = [
        rule("two", first=i == 0, label_value=label, findings=finding, **(told if i == 0 else {}))
        for i, (label, finding) in enumerate(LABELS.items())
    ]
    write_catalog(root / "catalog.csv", *by_folder, *by_table)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    root = tmp_path_factory.mktemp("world")
    counts = {label: (2, 1, 1) for label in toy.COUNTS}
    toy.curated(root / "data", counts)
    sources(root / "sources")
    torch.manual_seed(0)
    net = build_network("cnn", len(VOCAB))
    save_bundle(root / "bundle", net, {**META, "arch": "cnn"}, ["a" * 64])
    return World(root)


@pytest.fixture(scope="module")
def bounded(tmp_path_factory) -> Iterator[None]:
    """A cache of its own, no way out, no worker processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, NOWHERE)
        patch.setitem(engines.ENGINES, "local", Here)
        yield
