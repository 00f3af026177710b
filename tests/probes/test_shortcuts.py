"""Probes on drawn films: each finds what was put in, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from toy import curated

from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes import shortcuts
from cxr_fastai.probes.films import Films, measure_pixels
from cxr_fastai.probes.shortcuts import probe_films, probe_shortcuts
from cxr_fastai.probes.targets import Told, class_targets
from cxr_fastai.probes.verdict import Verdict

N = 160
HAS = np.arange(N) % 2 == 0


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    return read_manifest(curated(tmp_path_factory.mktemp("data"))).rows[0]


def drawn(row, change=None, facts=None):
    """Films of noise; `change(pixels, has)` draws on each, `facts` are cells of the class's rows."""
    rng = np.random.default_rng(0)
    measured, rows = [], []
    for has in HAS:
        pixels = rng.normal(120, 30, (64, 64)).clip(0, 255).astype(np.uint8)
        if change:
            change(pixels, has)
        measured.append(measure_pixels(pixels))
        own = facts if facts and has else {}
        rows.append(
            replace(row, format="PNG", bytes="4000", **own) if not own else replace(row, **own)
        )
    return Films(rows, *[np.stack(part) for part in zip(*measured)])


def asked(films, groups=None):
    targets = class_targets(
        ["a" if own else "b" for own in HAS],
        {"a": HAS, "b": ~HAS},
        dict.fromkeys("ab", np.zeros(N, bool)),
        groups or [f"g{i}" for i in range(N)],
    )
    return {probe.id: probe for probe in probe_films(films, targets)}


def marker(pixels, has):
    if has:
        pixels[2:6, 56:62] = 255


def brighter(pixels, has):
    if has:
        pixels[:] = np.minimum(pixels.astype(int) + 40, 255)


def test_noise_fails_nothing(row):
    assert not [p for p in asked(drawn(row)).values() if p.verdict in (Verdict.FAIL, Verdict.WARN)]


def test_a_marker_in_a_corner_fails_corners_and_border_and_the_middle_knows_nothing(row):
    got = asked(drawn(row, marker))
    assert got["P3"].verdict is got["P2"].verdict is Verdict.FAIL
    assert abs(got["P4"].told.auroc - 0.5) < 0.15 and got["P4"].verdict is None
    assert "corners" in got["P3"].says and got["P3"].do


def test_brightness_is_a_warning_at_most_since_disease_is_bright_too(row):
    assert asked(drawn(row, brighter))["P6"].verdict is Verdict.WARN


def test_facts_of_the_file_fail_and_are_not_asked_of_a_folder_that_lacks_them(row):
    told = dict(format="JPEG", bytes="900", jpeg_tables="7.0:ab")
    assert asked(drawn(row, facts=told))["P1"].verdict is Verdict.FAIL
    films = drawn(row)
    bare = Films(
        [replace(r, format="") for r in films.rows], films.small, films.histogram, films.spectrum
    )
    assert "P1" not in asked(bare)


def test_twelve_patients_tell_nothing_whatever_is_drawn(row):
    got = asked(drawn(row, marker), [f"g{i % 12}" for i in range(N)])
    assert {p.verdict for p in got.values()} <= {Verdict.CANNOT_TELL, None}
    assert "none of the classes has 20 patients or groups" in got["P3"].says
    assert got["P3"].to_dict()["auroc"] is None
    assert not any(p.do for p in got.values()), "no floor was measured that a network could beat"


def test_of_facts_that_all_films_share_no_number_is_told_but_that_they_are_the_same(row):
    facts = asked(drawn(row, facts=dict(format="PNG", bytes="900")))["P1"]
    assert facts.verdict is Verdict.PASS
    assert facts.says.endswith("the same for all films, which tells nothing of the classes.")
    assert "AUROC" not in facts.says and facts.told.auroc == 0.5


def test_test_films_are_never_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    folder = read_manifest(curated(tmp_path / "data"))
    for each in folder.rows:
        if each.split == "test":
            (folder.root / each.path).unlink()
    found = probe_shortcuts(folder)
    assert found and all(p.told.films < len(folder.rows) for p in found)
    assert shortcuts.fitting_rows(folder) == [r for r in folder.rows if r.split != "test"]


@pytest.mark.parametrize(
    "interval, said",
    [
        ([0.62, 0.68], ", an interval on both sides of 0.64, from where on it would be a warning"),
        ([0.50, 0.80], ": too few films to say whether it tells the classes"),
        (None, ": too few films to say whether it tells the classes"),
    ],
)
def test_why_it_cannot_be_told_is_said_as_it_is(interval, said):
    told = Told(0.65, interval, 100, 400, {"a": 0.65}, [])
    assert shortcuts._meaning(Verdict.CANNOT_TELL, told, "classes") == said
    assert (
        shortcuts._meaning(Verdict.PASS, told, "classes") == ", which tells little of the classes"
    )
