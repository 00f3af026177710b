"""A DICOM file opened: the elements asked for, and no other.

python -m pytest tests/images/test_dicom_file.py
"""

import threading

import numpy as np
import pytest
from pydicom import Dataset
from toy_dicoms import CODINGS, SECRET, coded, dicom, film, header, lut, written

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.dicom_file import MAX_VALUE, open_dicom

ASKED = ("Modality", "Rows", "WindowCenter", "VOILUTSequence", "ViewPosition", "PatientAge")


def opened(data: bytes, **options):
    return open_dicom(data, "film.dcm", ASKED, **options)


@pytest.mark.parametrize("coding", [None, *CODINGS])
def test_what_is_asked_for_is_told_in_every_coding(coding):
    data = dicom(
        film(), WindowCenter=[10, 20.5], ViewPosition="PA", VOILUTSequence=lut(np.arange(9))
    )
    file = opened(coded(data, coding) if coding else data)
    assert file.text("Modality") == "DX" and file.text("ViewPosition") == "PA"
    assert file.numbers("Rows") == (72.0,) and file.numbers("WindowCenter") == (10.0, 20.5)
    (item,) = file.items("VOILUTSequence")
    assert list(item.LUTDescriptor) == [9, 0, 12]
    assert file.text("PatientAge") == "" and file.numbers("PatientAge") == ()
    assert (file.pixels is None) is (len(file.fragments) > 0)


def test_nothing_else_of_the_header_reaches_memory():
    file = opened(dicom(film(), StudyDescription=SECRET))
    assert SECRET not in str(file.header) and "PatientName" not in file.header
    assert {element.keyword for element in file.header} == {"Modality", "Rows"}
    assert SECRET not in repr(file)


def test_an_element_of_the_same_name_in_a_sequence_is_not_taken():
    inner = Dataset()
    inner.Modality = "CT"
    file = opened(dicom(film(), Modality=None, RequestAttributesSequence=[inner]))
    assert file.text("Modality") == ""


def test_the_beginning_of_a_file_is_enough_for_its_header():
    data = dicom(film(), ViewPosition="AP")
    head = data[: data.index(b"\xe0\x7f\x10\x00") + 12]
    with pytest.raises(ImageRejected):
        opened(head)
    file = opened(head, head_only=True)
    assert file.text("ViewPosition") == "AP" and file.pixels is None
    assert opened(data[:400], head_only=True).numbers("Rows") == ()
    deflated = coded(data, "DeflatedExplicitVRLittleEndian")
    assert opened(deflated[:900], head_only=True).text("ViewPosition") == "AP"


def test_a_value_that_is_none_of_its_kind_is_broken_or_no_number():
    data = dicom(film(), WindowCenter="1111")
    file = opened(data.replace(b"1111", b"ab12"))
    assert file.numbers("WindowCenter") == () and file.text("WindowCenter") == "ab12"


def test_values_are_text_without_blanks():
    assert opened(dicom(film(), ViewPosition=" PA ")).text("ViewPosition") == "PA"
    many = opened(dicom(film(), ViewPosition=["PA", "AP"]))
    assert many.text("ViewPosition") == "PA" and many.texts("ViewPosition") == ["PA", "AP"]
    nought = opened(dicom(film(), WindowCenter=0))
    assert nought.text("WindowCenter") == "0.0" and nought.numbers("WindowCenter") == (0.0,)


@pytest.mark.parametrize(
    "change,reason,words",
    [
        (lambda data: data[:100], "damaged", "lacks DICM at byte 128"),
        (lambda data: data[132:], "damaged", "never read by force"),
        (lambda data: data[:140], "truncated", "before it states its transfer syntax"),
        (lambda data: data.replace(b"1.2.840.10008.1.2.1\0", b"x" * 20), "damaged", "not state"),
        (lambda data: data[:-9], "truncated", "of which 9,207 are there"),
    ],
)
def test_what_is_no_whole_file_is_rejected(change, reason, words):
    with pytest.raises(ImageRejected, match=words) as e:
        opened(change(dicom(film())))
    assert e.value.reason == reason


def test_a_value_of_megabytes_is_never_read():
    ds = header(film())
    ds.ViewPosition = "PA"
    ds.add_new(0x00185101, "UT", "P" * (MAX_VALUE + 2))
    with pytest.raises(ImageRejected, match=r"\(0018,5101\) has 1,048,578 bytes"):
        opened(written(ds))


def test_a_keyword_that_dicom_lacks_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="ViewPosture"):
        open_dicom(dicom(film()), "x", ["ViewPosture"])


def test_threads_may_open_files_side_by_side():
    data = dicom(film(), PatientAge="x" * 30)
    found = []
    threads = [threading.Thread(target=lambda: found.append(opened(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.text("Modality") for file in found] == ["DX"] * 8
