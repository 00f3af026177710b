"""pytest tests/bundle/test_claim.py

Each item by a number, "not known to this library" or "yours to write", and nothing else.
"""

import pytest
from toy_bundles import META

from cxr_fastai.bundle.claim import ITEMS, UNKNOWN, YOURS, claim
from cxr_fastai.bundle.meta import complete

REPORT = {
    "split": "test",
    "n": 12,
    "groups": 9,
    "resamples": 2000,
    "seed": 3,
    "metrics": {"accuracy": 0.75, "confusion": [[5, 1], [2, 4]]},
    "intervals": {"metrics": {"accuracy": [0.5, 0.9]}},
    "floors": {"majority": {"accuracy": 0.5}},
    "by_source": {"here": {"n": 8, "accuracy": 1.0}, "there": {"n": 4, "accuracy": 0.25}},
    "subgroups": {"rows": [{"column": "sex", "value": "F", "images": 7}]},
    "notes": ["A note of this run."],
    "about": {"images of manifest (SHA-256)": "1" * 64},
}


def meta(**more):
    return complete({**META, **more}, weights_sha256="a" * 64)


def answers(text):
    """Item -> its answer."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {int(cells[0]): cells[2] for cells in rows[2:]}


def test_there_are_42_items_each_with_a_number_of_its_own():
    assert [item.number for item in ITEMS] == list(range(1, 43))
    assert len({item.asks for item in ITEMS}) == 42


def test_without_an_evaluation_what_only_it_knows_is_not_known():
    found = answers(claim(meta()))
    assert all(found[i] == UNKNOWN for i in (28, 29, 32, 36, 37))
    assert all(found[i] == YOURS for i in (1, 3, 19, 38, 42))
    assert found[22].startswith("resnet18, 3 outputs") and "seed 1" in found[25]


def test_with_one_the_items_are_filled_by_its_numbers():
    found = answers(claim(meta(), REPORT))
    assert found[36] == "accuracy: 0.750 (0.500 to 0.900); majority floor 0.500"
    assert found[37].startswith("3 of 12 answered as another class")
    assert found[29] == "95 % intervals over 9 patients or groups, 2,000 resamples, seed 3"
    assert found[30] == "by source: here accuracy 1.000 of 8, there accuracy 0.250 of 4"
    assert found[34] == "images of split test: sex F 7" and found[38] == "A note of this run."
    assert "another folder than that of training" in found[32]
    same = {**REPORT, "about": {"images of manifest (SHA-256)": META["manifest_sha256"]}}
    assert answers(claim(meta(), same))[32] == (
        "none: the images of split test are of the folder of training"
    )


@pytest.mark.parametrize("report", [None, REPORT])
def test_the_opening_counts_the_answers(report):
    text = claim(meta(), report)
    found = list(answers(text).values())
    unknown, yours = found.count(UNKNOWN), found.count(YOURS)
    assert (
        f"Of 42 items {42 - unknown - yours} are filled by this run, {unknown} are {UNKNOWN}, "
        f"{yours} are {YOURS}."
    ) in text


def test_a_bundle_of_before_that_lacks_nearly_all_is_no_error():
    assert set(answers(claim({})).values()) == {
        UNKNOWN,
        YOURS,
        "group: patient, radiograph or look",
    }


def test_lists_names_and_sentences_are_words():
    trained = {"resize": [], "crops": [96, 128], "arch": "resnet18"}
    told = dict(recipe={"train": {}}, trained=trained, metrics={"valid": {"macro_auroc": 0.5}})
    notes = ["One note.", "Another, without a stop"]
    found = answers(claim({**meta(), **told}, {**REPORT, "notes": notes}))
    assert found[25] == "resize none, crops 96 128, arch resnet18"
    assert found[35].startswith("valid macro auroc 0.500")
    assert found[38].endswith("One note. Another, without a stop.") and ".;" not in found[38]
