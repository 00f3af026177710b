"""What a header says of whose film it is and how it was taken: an allow-list, and nothing else."""

import sys

import pytest
from dicom_files import dataset, film, write_dicom
from pydicom import Dataset, Sequence

from cxr_fastai.images.dicom_facts import ALLOWED, DicomFacts, dicom_facts, is_placeholder

FILM = film(1)
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")  # as it is written


def facts(folder, **tags) -> DicomFacts:
    found = dicom_facts(write_dicom(folder / "film.dcm", FILM, **tags))
    assert found is not None
    return found


def coded(code: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SRT", "CANARY"
    return Sequence([item])


def test_the_name_is_not_among_what_is_read():
    assert not [keyword for keyword in ALLOWED if "Name" in keyword or "Comment" in keyword]


def test_a_header_that_says_nothing(tmp_path):
    assert facts(tmp_path) == DicomFacts("", "", "", "", "", "")


def test_what_may_not_be_printed_is_not_in_the_repr(tmp_path):
    found = facts(tmp_path, PatientID="4711", IssuerOfPatientID="WARD", StudyDate="20190203")
    assert (found.patient_id, found.issuer, found.studied) == ("4711", "WARD", "2019-02-03")
    assert repr(found) == "DicomFacts(view='', age='', sex='')"


@pytest.mark.parametrize(
    "stated,view",
    [
        ({"ViewPosition": "PA"}, "PA"),
        ({"ViewPosition": "ap"}, "AP"),
        ({"ViewPosition": "LL"}, "L"),
        ({"ViewPosition": "RL"}, "L"),
        ({"ViewPosition": "LATERAL"}, "L"),
        ({"ViewPosition": "LLD"}, "LLD"),
        ({"ViewPosition": "CANARY"}, ""),
        ({"ViewCodeSequence": coded("R-10206")}, "AP"),
        ({"ViewCodeSequence": coded("272479007")}, "PA"),
        ({"ViewCodeSequence": coded("R-10236")}, "L"),
        ({"ViewCodeSequence": coded("CANARY")}, ""),
        ({"ViewPosition": "PA", "ViewCodeSequence": coded("R-10214")}, "PA"),
        ({"ViewPosition": "PA", "ViewCodeSequence": coded("R-10236")}, ""),  # which of the two?
        ({"PatientOrientation": ["P", "F"]}, "L"),
        ({"PatientOrientation": ["A", "F"]}, "L"),
        ({"PatientOrientation": ["L", "F"]}, ""),  # frontal: PA or AP
        ({"PatientOrientation": ["A", "F"], "ViewPosition": "PA"}, "PA"),
    ],
)
def test_a_view_is_a_word_of_the_list_or_none(tmp_path, stated, view):
    assert facts(tmp_path, **stated).view == view


@pytest.mark.parametrize(
    "stated,age",
    [
        ({"PatientAge": "065Y"}, "065Y"),
        ({"PatientAge": "003M"}, "003M"),
        ({"PatientBirthDate": "19500601", "StudyDate": "20190531"}, "68"),
        ({"PatientBirthDate": "19500601", "StudyDate": "20190601"}, "69"),
        ({"PatientBirthDate": "20190101", "StudyDate": "20190702"}, "0.50"),
        ({"PatientAge": "040Y", "PatientBirthDate": "19500601", "StudyDate": "20190601"}, "040Y"),
        ({"PatientBirthDate": "19000101", "StudyDate": "20190601"}, ""),  # written for unknown
        ({"PatientBirthDate": "20200101", "StudyDate": "20190601"}, ""),
        ({"PatientBirthDate": "19500601"}, ""),
    ],
)
def test_an_age_is_stated_or_made_of_two_dates(tmp_path, stated, age):
    assert facts(tmp_path, **stated).age == age


@pytest.mark.parametrize("stated,sex", [("F", "F"), ("M", "M"), ("m", "M"), ("O", ""), ("", "")])
def test_a_sex_is_f_or_m(tmp_path, stated, sex):
    assert facts(tmp_path, PatientSex=stated).sex == sex


@pytest.mark.parametrize(
    "text",
    ["", " ", "0", "0000", "Anonymized", "ANONYMOUS^PATIENT", "unknown", "XXX", "xx-xx", "N/A"]
    + ["#n.a.", "de-identified", "No ID", "-", "^", "Patient", "None", "TEST"],
)
def test_an_id_that_names_nobody_is_none(tmp_path, text):
    assert is_placeholder(text)
    assert facts(tmp_path, PatientID=text).patient_id == ""


@pytest.mark.parametrize("text", ["1", "007", "ANON123", "Patient 1", "A", "N", "x1", "Müller"])
def test_an_id_that_may_name_somebody_is_kept(text):
    assert not is_placeholder(text)


def test_studies_are_sorted_by_date_then_time(tmp_path):
    texts = []
    for day, time in (("20190203", "235959"), ("20190204", ""), ("20190204", "070000.123")):
        texts.append(facts(tmp_path, StudyDate=day, StudyTime=time).studied)
    assert texts == sorted(texts) == ["2019-02-03 235959", "2019-02-04", "2019-02-04 070000"]


def test_a_header_longer_than_is_read_at_first_is_read_on(tmp_path):
    ds = dataset(FILM, PatientID="4711", ViewPosition="PA")
    block = ds.private_block(0x0009, "A MAKER", create=True)
    block.add_new(1, "OB", bytes(300_000))
    ds.save_as(tmp_path / "long.dcm", enforce_file_format=True)
    found = dicom_facts(tmp_path / "long.dcm")
    assert found is not None and (found.patient_id, found.view) == ("4711", "PA")


def test_what_is_no_dicom_is_told_from_a_damaged_one_that_says_nothing(tmp_path):
    file = write_dicom(tmp_path / "film.dcm", FILM, ViewPosition="PA")
    (tmp_path / "cut").write_bytes(file.read_bytes()[:200])
    (tmp_path / "text").write_bytes(b"PatientID 4711")
    for name in ("text", "not there", "."):
        assert dicom_facts(tmp_path / name) is None, name
    assert dicom_facts(tmp_path / "cut") == DicomFacts("", "", "", "", "", "")


def test_an_element_that_stands_twice_leaves_the_film_without_a_patient(tmp_path):
    file = write_dicom(tmp_path / "film.dcm", FILM, PatientID="AAAA", PatientComments="BBBB")
    data = file.read_bytes()
    (tmp_path / "twice").write_bytes(data.replace(b"\x10\x00\x00\x40LT", b"\x10\x00\x20\x00LO"))
    assert dicom_facts(tmp_path / "twice") == DicomFacts("", "", "", "", "", "")


def test_without_pydicom_nothing_is_told(tmp_path, monkeypatch):
    file = write_dicom(tmp_path / "film.dcm", FILM)
    monkeypatch.setitem(sys.modules, "pydicom.datadict", None)
    assert dicom_facts(file) is None
