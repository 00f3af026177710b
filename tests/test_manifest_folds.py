"""pytest tests/test_manifest_folds.py"""

from dataclasses import replace

import pytest
import toy

from cxr_fastai.core import NotCurated, UsageError
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.manifest_folds import fold_numbers, held_out_by, seen_by_fold


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Manifest:
    return read_manifest(toy.curated(tmp_path_factory.mktemp("data")))


def with_folds(manifest: Manifest, folds: int) -> Manifest:
    "Folds in turn; the test images are official ones, which have none."
    rows = []
    for i, row in enumerate(manifest.rows):
        rows.append(row if row.split == "test" else replace(row, fold=str(i % folds)))
    return replace(manifest, rows=rows)


def test_a_folder_without_folds_names_the_command(plain):
    with pytest.raises(UsageError, match="has no folds: curate it.*cxr curate .. --folds 5"):
        fold_numbers(plain)


def test_two_folds_are_too_few(plain):
    with pytest.raises(UsageError, match="needs 3"):
        fold_numbers(with_folds(plain, 2))


def test_a_fold_that_is_missing_is_told(plain):
    manifest = with_folds(plain, 4)
    rows = [row for row in manifest.rows if row.fold != "1"]
    with pytest.raises(NotCurated, match="folds are 0, 2, 3"):
        fold_numbers(replace(manifest, rows=rows))


@pytest.mark.parametrize("column", ["group", "patient"])
def test_a_group_or_patient_in_two_folds_is_told(plain, column):
    manifest = with_folds(plain, 3)
    rows = [replace(row, **{column: "one"}) if row.fold else row for row in manifest.rows]
    with pytest.raises(NotCurated, match=f"{column} one is in two folds"):
        fold_numbers(replace(manifest, rows=rows))


def test_each_image_is_held_out_once_and_what_is_officially_tested_never_trains(plain):
    manifest = with_folds(plain, 3)
    official = {row.path for row in plain.rows if row.split == "test"}
    held_out = []
    for fold in fold_numbers(manifest):
        seen = seen_by_fold(manifest, fold, 3)
        splits = {row.path: row.split for row in seen.rows}
        assert len(splits) == len(plain.rows) and {splits[path] for path in official} == {"test"}
        assert {row.split for row in seen.rows if row.fold == str((fold + 1) % 3)} == {"valid"}
        held_out += [row.path for row in held_out_by(seen, fold).rows]
    assert sorted(held_out) == sorted({row.path for row in plain.rows} - official)


def test_a_fold_is_another_folder_than_its_own(plain):
    manifest = with_folds(plain, 3)
    hashes = {seen_by_fold(manifest, fold, 3).sha256 for fold in range(3)} | {manifest.sha256}
    assert len(hashes) == 4
