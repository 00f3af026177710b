"""Which files of a folder are pictures, by name and by content."""

import os

import pytest
from dicom_files import film, write_dicom, write_index

from cxr_fastai.images.found import is_image_file, may_be_dicom


@pytest.mark.parametrize(
    "name", ["IM00001", "1.2.840.113619.2.5.1762583153", "img.IMA", "a.dcm", "b.DICOM", "c.dic"]
)
def test_dicom_is_found_whatever_its_name(tmp_path, name):
    file = write_dicom(tmp_path / name, film(1))
    assert is_image_file(name, file) and may_be_dicom(name)


def test_a_file_without_an_ending_that_is_no_picture_is_none(tmp_path):
    for name, data in (("README", b"a text"), ("LOCK", b""), ("1.2.3", bytes(600))):
        (tmp_path / name).write_bytes(data)
        assert not is_image_file(name, tmp_path / name), name
    assert not is_image_file("gone", tmp_path / "gone")


def test_a_name_that_says_another_kind_of_file_is_believed_unread(tmp_path):
    file = write_dicom(tmp_path / "notes.txt", film(1))
    assert not is_image_file("notes.txt", file)
    assert is_image_file("film.png", tmp_path / "not there")
    assert not may_be_dicom("film.png") and may_be_dicom("film")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not is_image_file("pipe", tmp_path / "pipe")


def test_the_index_of_a_disc_is_dicom_by_its_content(tmp_path):
    assert is_image_file("DICOMDIR", write_index(tmp_path / "DICOMDIR"))
