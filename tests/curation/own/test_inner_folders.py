"""pytest tests/curation/own/test_inner_folders.py"""

from pathlib import Path

import pytest

from cxr_fastai.curation.own.inner_folders import inner_folders, inner_words
from cxr_fastai.curation.own.layout import lay_out


def found(*folders, n=3):
    paths = [f"{folder}/{i}.png" for folder in folders for i in range(n)]
    return inner_folders(lay_out(paths, "films"))


def test_folders_that_part_a_class_are_found():
    inner = found("normal", "pneumonia/mild", "pneumonia/severe")
    assert inner == {"pneumonia": {"mild": 3, "severe": 3}}


@pytest.mark.parametrize(
    "folders",
    [
        ("normal", "pneumonia"),
        ("normal/site1", "normal/site2", "pneumonia/site1", "pneumonia/site2"),
        ("normal", "pneumonia/severe"),
        ("normal", *(f"pneumonia/smith{chr(97 + i)}x" for i in range(13))),
    ],
)
def test_gatherings_patients_and_a_lone_folder_are_no_classes(folders):
    assert found(*folders) == {}


def test_a_folder_an_image_parts_nothing():
    assert found("normal", "pneumonia/jones", "pneumonia/smith", n=1) == {}


def test_the_rest_is_counted():
    inner = {"a/b c": {f"k{i}": 2 for i in range(6)}, "d": {"x": 2, "y": 2}}
    words = inner_words(inner, Path("films"))
    assert "k3 2 and 2 more), and those of 1 other folder are" in words
    assert "--folder 'films/a/b c'" in words
