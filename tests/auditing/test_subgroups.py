"""pytest tests/auditing/test_subgroups.py: P10 on drawn scores"""

from dataclasses import replace

import numpy as np
import pytest
from toy import curated

from cxr_fastai.auditing.subgroups import age_band, ask_subgroups
from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.targets import class_targets
from cxr_fastai.probes.verdict import Verdict

N = 400
HAS = np.arange(N) % 2 == 0


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    return read_manifest(curated(tmp_path_factory.mktemp("data"))).rows[0]


def asked(row, scores, **cells):
    rows = [replace(row, **{key: of(i) for key, of in cells.items()}) for i in range(N)]
    targets = class_targets(
        ["a" if own else "b" for own in HAS],
        {"a": HAS, "b": ~HAS},
        dict.fromkeys("ab", np.zeros(N, bool)),
        [f"g{i}" for i in range(N)],
    )
    return ask_subgroups(rows, {"a": scores}, targets)


def sex(i):
    return "F" if i % 4 < 2 else "M"


def test_a_subgroup_that_lies_below_all_films_is_warned_of_by_name(row):
    rng = np.random.default_rng(0)
    is_m = np.array([sex(i) == "M" for i in range(N)])
    scores = rng.normal(0, 1, N) + np.where(is_m, 0, 4) * HAS
    line = asked(row, scores, sex=sex)
    assert line.verdict is Verdict.WARN and "sex M" in line.says and line.do
    values = {each["value"]: each["verdict"] for each in line.numbers["subgroups"]}
    assert values == {"F": "PASS", "M": "WARN"}


def test_equal_subgroups_pass_and_small_ones_cannot_be_told(row):
    scores = np.random.default_rng(0).normal(0, 1, N) + 3 * HAS
    line = asked(row, scores, sex=sex, view=lambda i: "AP" if i < 10 else "PA")
    assert line.verdict is Verdict.PASS and not line.do
    small = [each for each in line.numbers["subgroups"] if each["value"] == "AP"]
    assert small[0]["auroc"] is None and small[0]["verdict"] == "CANNOT TELL"


def test_subgroups_of_unlike_classes_say_that_all_films_are_those_of_the_same_classes(row):
    """Men lack class c: all films reach another number beside them than beside women."""
    kinds = np.where(np.arange(N) % 4 == 1, "c", np.where(HAS, "a", "b"))
    has = {name: kinds == name for name in "abc"}
    unknown = dict.fromkeys("abc", np.zeros(N, bool))
    targets = class_targets(kinds.tolist(), has, unknown, [f"g{i}" for i in range(N)])
    rows = [replace(row, sex="F" if i % 4 in (0, 1) else "M") for i in range(N)]
    rng = np.random.default_rng(0)
    scores = {name: own + rng.normal(0, 1, N) for name, own in has.items()}
    says = ask_subgroups(rows, scores, targets).says
    assert "each beside all films at the classes that it has enough of" in says
    assert "at the classes" not in asked(row, rng.normal(0, 1, N) + HAS, sex=sex).says


def test_nothing_to_compare_cannot_be_told(row):
    line = asked(row, np.zeros(N))
    assert line.verdict is Verdict.CANNOT_TELL and "no subgroups" in line.says


@pytest.mark.parametrize(
    "age,band",
    [("", ""), ("0", "under 18"), ("18", "18 to 39"), ("64.5", "40 to 64"), ("90", "65 and over")],
)
def test_age_bands(row, age, band):
    assert age_band(replace(row, age=age)) == band


def test_one_subgroup_alone_is_not_called_the_lowest(row):
    scores = np.random.default_rng(0).normal(0, 1, N) + 3 * HAS
    says = asked(row, scores, view=lambda i: "AP" if i < 10 else "PA").says
    assert says.startswith("1 subgroup of") and "Lowest" not in says
    assert "not shown to lie below all films: view PA" in says
