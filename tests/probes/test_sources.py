"""P8 and P9 on drawn films of two hospitals."""

from dataclasses import replace

import numpy as np
import pytest
from toy import curated

from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import Films, measure_pixels
from cxr_fastai.probes.sources import (
    judge_all_unseen,
    judge_unseen,
    source_within_class,
    unseen_sources,
)
from cxr_fastai.probes.targets import class_targets, told_by
from cxr_fastai.probes.verdict import Verdict

N = 160
HAS = np.arange(N) % 2 == 0
FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    return read_manifest(curated(tmp_path_factory.mktemp("data"))).rows[0]


def two_hospitals(row, draw, source_of):
    """Films of noise on which `draw(pixels, has, source)` draws."""
    rng = np.random.default_rng(0)
    measured, rows = [], []
    for i, has in enumerate(HAS):
        source = source_of(i)
        pixels = rng.normal(120, 30, (64, 64))
        draw(pixels, has, source)
        measured.append(measure_pixels(pixels.clip(0, 255).astype(np.uint8)))
        rows.append(replace(row, source=source))
    return Films(rows, *[np.stack(part) for part in zip(*measured)])


def targets(groups=None):
    return class_targets(
        ["ill" if own else "well" for own in HAS],
        {"ill": HAS, "well": ~HAS},
        dict.fromkeys(("ill", "well"), np.zeros(N, bool)),
        groups or [f"g{i}" for i in range(N)],
    )


def by_halves(i):
    return "north" if i < N / 2 else "south"


def disease(pixels, has, source):
    if has:
        pixels[20:40, 20:40] += 60


def scanner(pixels, has, source):
    disease(pixels, has, source)
    if source == "north":
        pixels[:] *= 0.6


def marker_of_each(pixels, has, source):
    """Each hospital marks its ill in its own way: what is learnt at one misleads at the other."""
    if has:
        pixels[:8, :8] = 255 if source == "north" else 0


def asked(films, its_targets):
    seen = told_by(gray(films, 16), its_targets)
    return {each.source: each for each in unseen_sources(films, its_targets, seen)}


def test_sources_that_look_alike_are_not_told_apart_and_the_disease_carries_over(row):
    films = two_hospitals(row, disease, by_halves)
    for each in source_within_class(films, targets()):
        assert each.verdict is not FAIL and each.sources == ["north", "south"]
    got = asked(films, targets())
    assert {each.verdict for each in got.values()} == {PASS}
    assert all(each.unseen > 0.9 and each.classes == ["ill"] for each in got.values())


def test_another_scanner_fails_within_each_class_and_the_disease_still_carries_over(row):
    films = two_hospitals(row, scanner, by_halves)
    assert {each.verdict for each in source_within_class(films, targets())} == {FAIL}
    assert not {FAIL} & {each.verdict for each in asked(films, targets()).values()}


def test_markers_that_each_hospital_has_for_itself_fail_on_an_unseen_one(row):
    films = two_hospitals(row, marker_of_each, by_halves)
    got = asked(films, targets())
    assert {each.verdict for each in got.values()} == {FAIL}
    for each in got.values():
        assert each.unseen < 0.1 and each.films == N / 2  # told as it is, not folded


def test_where_source_is_class_nothing_can_be_unseen(row):
    films = two_hospitals(row, disease, lambda i: "north" if HAS[i] else "south")
    assert source_within_class(films, targets()) == []
    got = list(asked(films, targets()).values())
    assert all(each.unseen is None and each.verdict is CANNOT for each in got)
    assert judge_all_unseen(got, classes_in_two=False) is FAIL


def test_one_source_alone_tells_nothing_of_another(row):
    got = list(asked(two_hospitals(row, disease, lambda i: "north"), targets()).values())
    assert judge_all_unseen(got, classes_in_two=False) is CANNOT


def test_too_few_patients_cannot_tell(row):
    films = two_hospitals(row, scanner, by_halves)
    few = targets([f"g{i % 12}" for i in range(N)])
    assert {each.verdict for each in source_within_class(films, few)} == {CANNOT}
    assert {each.verdict for each in asked(films, few).values()} == {CANNOT}


@pytest.mark.parametrize(
    "seen,unseen,verdict",
    [
        ([0.8, 0.9], [0.5, 0.79], FAIL),
        ([0.8, 0.9], [0.51, 0.79], WARN),
        ([0.8, 0.9], [0.51, 0.8], PASS),
        ([0.8, 0.9], [0.5, 0.85], CANNOT),
        ([0.8, 0.9], None, CANNOT),
        (None, [0.5, 0.6], CANNOT),
        ([0.8, 0.9], [0.1, 0.2], FAIL),
    ],
)
def test_each_boundary_of_the_rule(seen, unseen, verdict):
    assert judge_unseen(seen, unseen) is verdict


def test_numbers_are_plain_json(row):
    films = two_hospitals(row, scanner, by_halves)
    within = source_within_class(films, targets())[0].to_dict()
    assert within["class"] == "ill" and within["verdict"] == "FAIL"
    assert set(within["by"]) == {"thumbnail", "border", "spectrum"}
    assert asked(films, targets())["north"].to_dict()["verdict"] in ("PASS", "WARN")
