"""Images in npz arrays."""

import numpy as np
import pytest
from toy_listing import listing
from toy_sources import rule

from cxr_fastai.core import IntegrityError


def test_arrays_keep_their_own_splits(tmp_path):
    (tmp_path / "one").mkdir()
    np.savez(
        tmp_path / "one/a.npz",
        train_images=np.zeros((2, 28, 28), np.uint8),
        train_labels=np.array([[0], [1]]),
        val_images=np.ones((1, 28, 28), np.uint8),
        val_labels=np.array([[3]]),
    )
    listed = listing(
        tmp_path,
        rule(
            glob="a.npz", label_from="array", split="array", label_value="0", findings="no_finding"
        ),
        rule(first=False, label_value="1", findings="pneumonia"),
    )
    assert [(it.path, it.findings, it.official, it.array) for it in listed.items] == [
        ("a.npz#train/0", ("no_finding",), "train", ("train_images", 0)),
        ("a.npz#train/1", ("pneumonia",), "train", ("train_images", 1)),
    ]
    assert [(r.path, r.reason) for r in listed.rejects] == [("a.npz#val/0", "unknown_label")]


def test_a_label_that_no_rule_has_is_a_reject_and_what_is_no_npz_an_error(tmp_path):
    (tmp_path / "one").mkdir()
    images, labels = np.zeros((1, 28, 28), np.uint8), np.array([[7]])
    np.savez(tmp_path / "one/a.npz", test_images=images, test_labels=labels, val_labels=labels)
    rules = rule(glob="a.npz", label_from="array", label_value="0", findings="no_finding")
    listed = listing(tmp_path, rules)
    assert not listed.items and [(r.path, r.reason, r.message) for r in listed.rejects] == [
        ("a.npz#test/0", "unknown_label", "no rule of one for the label '7'")
    ]
    (tmp_path / "one/a.npz").write_bytes(b"no zip")
    with pytest.raises(IntegrityError, match="a.npz in .*: no readable npz file.*Fetch it again"):
        listing(tmp_path, rules)
