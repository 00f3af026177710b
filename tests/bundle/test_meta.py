"""bundle.json: every key is asked for, every wrong value named, and what may lack is filled in.

python -m pytest tests/bundle/test_meta.py
"""

import numpy as np
import pytest
from toy_bundles import META, meta_of, put, restate

from cxr_fastai import core
from cxr_fastai.bundle.meta import KEYS, OPTIONAL_KEYS, check_meta, complete, libraries, upgraded
from cxr_fastai.bundle.store import load_bundle, save_bundle


def test_numbers_of_numpy_and_nan_metrics_become_plain_json(net, tmp_path):
    metrics = {
        "auroc": np.float32(0.5),
        "by_class": {"normal": float("nan")},
        "n": np.int64(3),
        "ci": (0.25, 0.75),
    }
    folder = save_bundle(
        tmp_path / "b", net, {**META, "metrics": metrics, "mean": np.float32(0.5), "note": "kept"}
    )
    assert meta_of(folder)["metrics"] == {
        "auroc": 0.5,
        "by_class": {"normal": None},
        "n": 3,
        "ci": [0.25, 0.75],
    }
    assert load_bundle(folder).meta["note"] == "kept"


@pytest.mark.parametrize("key", KEYS)
def test_each_missing_key_is_named(copied, key):
    put(copied / "bundle.json", {k: v for k, v in meta_of(copied).items() if k != key})
    with pytest.raises(core.IntegrityError, match=f"key '{key}' is missing"):
        load_bundle(copied)


WRONG = dict(
    format_version=[5, 0, True],
    arch=["resnet33", 18, ["resnet18"]],
    in_channels=[2, "1"],
    vocab=["abc", [], [1, 2, 3], ["a", "a"]],
    display=[[], {"a": 1}],
    task=["regression", None],
    size=["32", 32.0, 0, 10**9, True],
    mean=["0.5", None, True],
    std=[0, -1],
    decoder_version=["1", -1],
    trained_on_sha256=[None, "abc"],
    crop=[-0.1, 0.4, "0.1", None],
    offsets=[None, [], {"normal": "1"}, {"flu": 0.5}],
    thresholds=[[], {"normal": 2}, {"normal": "x"}, {"flu": 0.5}],
    temperature=[0, -1, "1"],
    decision=[
        [],
        {"negative": "normal"},
        {"negative": "normal", "threshold": 2},
        {"negative": "flu", "threshold": 0.5},
        {"negative": "normal", "threshold": 0.5, "triage": [{}]},
        {"negative": "normal", "threshold": 0.5, "triage": {}},
    ],
    recipe=["toy", {}],
    manifest_sha256=["abc", None, "z" * 64],
    trained=[2, {}, {"epochs": "2"}, {"epochs": True}],
    warnings=[{}, [{}], ["text"], [{"kind": "k"}], [{"kind": "", "says": "s"}]],
    metrics=[[]],
    libraries=[["torch"], {"torch": 2}],
    weights_sha256=[None, "0" * 63],
)


@pytest.mark.parametrize("key, value", [(k, v) for k, vs in WRONG.items() for v in vs])
def test_each_wrong_value_is_named(copied, key, value):
    restate(copied, **{key: value})
    with pytest.raises(core.IntegrityError, match=f"'{key}'"):
        load_bundle(copied)


WRONG_OPTIONAL = dict(
    conformal=[[], {}],
    gate=["gate", {}, {"sha256": "abc"}],
    onnx=[True, {}, {"sha256": None}],
)


@pytest.mark.parametrize("key, value", [(k, v) for k, vs in WRONG_OPTIONAL.items() for v in vs])
def test_each_wrong_value_of_what_a_bundle_may_have_is_named(copied, key, value):
    restate(copied, **{key: value})
    with pytest.raises(core.IntegrityError, match=f"'{key}'"):
        load_bundle(copied)


def test_the_bundle_of_a_newer_library_names_what_to_update(copied):
    restate(copied, format_version=5, onnx="of another form")
    with pytest.raises(core.IntegrityError, match="5, expected 4 or less: a newer cxr_fastai") as e:
        load_bundle(copied)
    assert e.value.exit_code == 4


def test_every_key_has_wrong_values_here():
    assert set(WRONG) == set(KEYS) and set(WRONG_OPTIONAL) == set(OPTIONAL_KEYS)


VERSION_1 = {"format_version": 1, "arch": "resnet18"}


def test_a_record_of_version_1_is_read_as_one_without_what_came_later():
    assert upgraded(VERSION_1) == {
        "crop": 0.0,
        "offsets": {},
        "trained_on_sha256": "",
        "warnings": [],
        "format_version": 4,
        "arch": "resnet18",
    }


def test_a_record_of_version_2_has_no_warnings_and_is_asked_for_what_it_must_have():
    record = {"format_version": 2, "arch": "resnet18"}
    assert upgraded(record) == {"format_version": 4, "arch": "resnet18", "warnings": []}


@pytest.mark.parametrize("record", [None, [], {}, {"format_version": 5}, {"format_version": True}])
def test_any_other_record_is_left_as_it_is(record):
    assert upgraded(record) is record


def test_what_is_no_record_is_named_by_its_type():
    with pytest.raises(core.IntegrityError, match="here: expected a JSON object, found list"):
        check_meta([], "here")


def test_a_wrong_value_is_shown_shortened_with_what_was_expected(copied):
    record = {**meta_of(copied), "arch": "x" * 500}
    with pytest.raises(core.IntegrityError, match="is 'x{79}, expected cnn, resnet18"):
        check_meta(record, "here")


def test_keys_come_in_one_order_and_others_behind_them():
    record = complete({"note": 1, "vocab": ["b", "a"], "arch": "cnn"}, "0" * 64)
    assert list(record)[-1] == "note" and list(record)[:2] == ["format_version", "arch"]
    assert record["display"] == {"b": "b", "a": "a"} and record["weights_sha256"] == "0" * 64


def test_a_library_that_is_not_installed_is_left_out():
    assert "no-such-library" not in libraries("no-such-library") and "numpy" in libraries()
