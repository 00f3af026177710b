"""The list of what training saw: short, sorted, and known to be whole.

python -m pytest tests/bundle/test_trained_on.py
"""

import pytest
from toy_bundles import META, put

from cxr_fastai import core
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.bundle.trained_on import names_text, read_names, short_name

HASH = "0123456789abcdef" * 4


def test_images_are_named_by_their_first_digits_and_patients_in_full():
    assert short_name(HASH) == HASH[:16] and short_name("ward:0123456789abcdefgh") != HASH[:16]
    assert names_text([HASH, "ward:2", HASH, "ward:1"]) == f"{HASH[:16]}\nward:1\nward:2\n"
    assert names_text([]) == ""


def test_the_list_comes_back(tmp_path):
    text = names_text([HASH, "ward:2"])
    put(tmp_path / "trained_on.txt", text.encode())
    names = read_names(tmp_path / "trained_on.txt", core.sha256_text(text))
    assert names == {HASH[:16], "ward:2"}


def test_a_list_that_was_changed_or_is_gone_is_an_integrity_error(tmp_path):
    with pytest.raises(core.IntegrityError, match="is missing"):
        read_names(tmp_path / "trained_on.txt", "0" * 64)
    put(tmp_path / "trained_on.txt", b"ward:2\n")
    with pytest.raises(core.IntegrityError, match="not the list that bundle.json names"):
        read_names(tmp_path / "trained_on.txt", "0" * 64)


def test_a_bundle_knows_the_images_and_patients_it_was_trained_on(net, loaded, tmp_path):
    folder = save_bundle(tmp_path / "b", net, META, [HASH, "ward:2"])
    rows = [
        {"pixel_sha256": HASH, "patient": ""},
        {"pixel_sha256": "f" * 64, "patient": "ward:2"},
        {"pixel_sha256": "f" * 64, "patient": ""},
    ]
    assert load_bundle(folder, "cpu").saw(rows) == [True, True, False]
    assert loaded.saw(rows) is None
    assert sorted(p.name for p in folder.iterdir())[-1] == "trained_on.txt"
