"""Validation images that are too few to choose a network by."""

import pytest

from cxr_fastai.curation.own.layout import lay_out
from cxr_fastai.curation.own.small_valid import (
    MIN_VALID_IMAGES,
    MIN_VALID_PATIENTS,
    joins_training,
    valid_warning,
)


def layout(n_valid, folder="val"):
    paths = [f"train/{label}/{i}.png" for label in "NP" for i in range(30)]
    paths += [f"{folder}/{label}/{i}.png" for label in "NP" for i in range(n_valid)]
    return lay_out(paths, "X")


AS_IS = {"N": "N", "P": "P"}


@pytest.mark.parametrize(
    "images, joined", [(8, True), (MIN_VALID_IMAGES - 1, True), (MIN_VALID_IMAGES, False)]
)
def test_fewer_images_of_a_class_than_that_join_training(images, joined):
    found = layout(images)
    assert joins_training(found, AS_IS, {}) is joined
    says = [w.says for w in valid_warning(found, joined)]
    assert len(says) == joined and all(f"val/ holds {2 * images} images" in s for s in says)


@pytest.mark.parametrize(
    "people, joined", [(MIN_VALID_PATIENTS - 1, True), (MIN_VALID_PATIENTS, False)]
)
def test_fewer_patients_of_a_class_than_that_do_too(people, joined):
    found = layout(MIN_VALID_IMAGES)
    patients = {path: str(i % people) for i, path in enumerate(found.placed)}
    assert joins_training(found, AS_IS, patients) is joined


def test_a_folder_without_validation_has_none_to_join():
    assert not joins_training(layout(8, "test"), AS_IS, {})


def test_a_class_that_validation_lacks_joins_them():
    paths = [f"{s}/N/{i}.png" for s in ("train", "val") for i in range(40)]
    paths += [f"train/P/{i}.png" for i in range(40)]
    assert joins_training(lay_out(paths, "X"), AS_IS, {})
