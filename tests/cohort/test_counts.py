"""pytest tests/cohort/test_counts.py: what is counted of a folder, beside pandas and plain loops"""

import numpy as np
import pandas as pd
import pytest
from toy_cohort import cohort_of, even, folder, row, toy_catalog

from cxr_fastai.cohort import counts as counting
from cxr_fastai.cohort.counts import (
    AGE_GROUPS,
    age_group,
    brightness_counts,
    class_counts,
    patient_counts,
    sampled,
    side_quantiles,
    tally,
)
from cxr_fastai.core import Task, UsageError

FIVE = (0, 0.25, 0.5, 0.75, 1)


def gray_of(cohort) -> dict:
    return {each.path: float(i % 7) for i, each in enumerate(cohort.rows)}


# ---- the images looked at


def test_a_split_has_its_images_only_and_one_without_images_is_told():
    data = folder([row(), row("b", split="test"), row("b", split="test", phash="1")])
    cohort = cohort_of(data, "test")
    assert cohort.splits == ("test",) and [each.label for each in cohort.rows] == ["b", "b"]
    assert cohort.task is Task.SINGLE_LABEL and not cohort.has["a"].any()
    with pytest.raises(UsageError, match="'valid': it has train 1, valid 0, test 2"):
        cohort_of(data, "valid")


def test_an_image_of_several_findings_counts_for_each_and_an_unknown_one_for_none():
    rows = [
        row("a|b", sex="F"),
        row("b|?a", sex="M"),
        row("none", sex="M"),
        row("none|?b", sex="F"),
    ]
    cohort = cohort_of(folder(rows, task="multi_label", vocab="ab"))
    classes = {label: class_counts(cohort, label, gray_of(cohort)) for label in cohort.names}
    counts = {label: (each["images"], each["unknown"]) for label, each in classes.items()}
    assert counts == {"a": (1, 1), "b": (2, 1), "none": (2, 0)}
    assert cohort.names["none"] == "none of these"
    assert classes["b"]["sex"] == {"F": 1, "M": 1}
    assert cohort.rows_of("b") == rows[:2]
    assert cohort.tallies("sex") == {label: each["sex"] for label, each in classes.items()}


def test_the_age_group_is_that_of_the_age_and_without_one_the_catalogues_word():
    given = {
        "child": ("17.9", "one"),
        "adult": ("18", "kids"),
        "adult_source": ("", "one"),
        "child_source": ("", "kids"),
        "mixed_source": ("", "all"),
    }
    rows = [
        row(age=age, source=source)
        for age, source in [*given.values(), ("0", "two"), ("", "some"), ("", "new")]
    ]
    columns = cohort_of(folder(rows)).columns
    assert columns["age_group"].tolist() == [*given, "child", "", ""]
    assert columns["group"].tolist() == ["child", "adult", "adult", "child", "", "child", "", ""]
    assert {age_group(each, toy_catalog().get(each.source)) for each in rows} == set(AGE_GROUPS)


# ---- counts


def test_counts_equal_those_of_pandas():
    rows = even(n=7)
    cohort = cohort_of(folder(rows, vocab="ab"))
    df = pd.DataFrame(map(vars, rows))
    for label, of_class in df.groupby("label"):
        counts = class_counts(cohort, label, gray_of(cohort))
        for key in ("split", "source", "sex", "view"):
            assert counts[key] == of_class[key].value_counts().to_dict()
        ages = of_class.age.astype(float)
        assert counts["ages"]["quantiles"] == ages.quantile(FIVE).tolist()
        assert counts["ages"]["decades"]["40-49"] == ages.between(40, 49).sum()
        assert sum(counts["ages"]["decades"].values()) == counts["ages"]["known"] == len(ages)


def test_sizes_are_of_the_images_whose_two_sides_are_known():
    rows = [row(width=w, height=h) for w, h in (("10", "20"), ("30", "20"), ("", "9"), ("7", ""))]
    sides = side_quantiles(cohort_of(folder(rows)), "a")
    assert sides["width"] == [10, 15, 20, 25, 30] and sides["height"] == [20] * 5
    assert sides["aspect"] == [0.5, 0.75, 1.0, 1.25, 1.5]
    assert set(side_quantiles(cohort_of(folder(rows)), "b").values()) == {None}


def test_patients_are_those_that_are_named():
    rows = [row(patient=patient, phash=str(i)) for i, patient in enumerate(["p", "p", "q", ""])]
    assert patient_counts(rows) == {
        "images": 3,
        "patients": 2,
        "images_a_patient": [1, 1.25, 1.5, 1.75, 2],
    }
    assert patient_counts([]) == {"images": 0, "patients": 0, "images_a_patient": None}


def test_a_tally_has_the_commonest_first_then_the_alphabet():
    assert list(tally("cabbac").items()) == [("a", 2), ("b", 2), ("c", 2)]
    assert list(tally("cbb")) == ["b", "c"]


# ---- brightness


def test_a_sample_is_measured_and_each_of_it_stands_for_the_rest_of_its_source(monkeypatch):
    monkeypatch.setattr(counting, "SAMPLE", 4)
    rows = [row("a", "one", phash=str(i)) for i in range(40)]
    rows += [row("a", "two", phash=str(i)) for i in range(3)]
    gray = {each.path: float(i) for i, each in enumerate(rows)}
    cohort = cohort_of(folder(rows))
    samples = sampled(cohort, "a")
    sizes = {source: (each.images, len(each.rows)) for source, each in samples.items()}
    assert sizes == {"one": (40, 4), "two": (3, 3)}
    stand_for = []
    for each in samples.values():
        stand_for += [gray[r.path] for r in each.rows] * (12 * each.images // len(each.rows))
    want = np.quantile(stand_for, FIVE, method="inverted_cdf")
    counts = brightness_counts(cohort, "a", gray)
    assert counts["quantiles"] == want.tolist() and counts["images"] == 7
    assert {s: x["images"] for s, x in counts["by_source"].items()} == {"one": 4, "two": 3}
    assert sampled(cohort_of(folder(rows[::-1])), "a") == samples


def test_a_class_whose_sample_was_not_measured_whole_has_no_brightness():
    rows = [row(phash=str(i)) for i in range(3)] + [row("b")]
    cohort = cohort_of(folder(rows))
    gray = {each.path: 1.0 for each in rows[1:]}
    nothing = {"images": 0, "quantiles": None, "by_source": {}}
    assert brightness_counts(cohort, "a", gray) == nothing
    assert brightness_counts(cohort, "b", gray)["quantiles"] == [1.0] * 5
