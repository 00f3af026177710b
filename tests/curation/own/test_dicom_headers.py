"""What is made of the headers of a user's DICOM files: who, in which order, how; and what is said."""

from pathlib import Path

import numpy as np
import pytest
from dicom_files import film, write_dicom
from PIL import Image
from recording_progress import RecordingProgress

from cxr_fastai import curate
from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.dicom_headers import DicomHeaders, read_headers

FILM = film(1)
SALT = "a salt of thirty-two characters."


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))


@pytest.fixture
def salt(tmp_path) -> Path:
    (tmp_path / "salt").write_text(SALT)
    return tmp_path / "salt"


def headers_of(folder: Path, *films: dict, said=(), salt=None, names=None) -> DicomHeaders:
    files = {}
    for number, tags in enumerate(films):
        name = names[number] if names else f"film{number}"
        files[name] = str(write_dicom(folder / name, FILM, **tags))
    return read_headers(files, said, salt)


def column(headers: DicomHeaders, name: str) -> list[str]:
    return [own[f"dicom {name}"] for own in headers.fields.values()]


def told(headers: DicomHeaders) -> str:
    return "\n".join(warning.says for warning in headers.warnings)


def person(patient: str, **tags) -> dict:
    return {"PatientID": patient, **tags}


# ---- who


def test_one_salt_names_a_patient_one_way_and_another_salt_another(tmp_path, salt):
    films = [person("4711"), person("4712"), person("4711 ")]
    one = column(headers_of(tmp_path / "a", *films, salt=salt), "patient")
    assert one[0] == one[2] != one[1] and len(one[0]) == 16
    assert column(headers_of(tmp_path / "b", *films, salt=salt), "patient") == one
    salt.write_text(SALT[::-1])
    assert set(column(headers_of(tmp_path / "c", *films, salt=salt), "patient")).isdisjoint(one)


def test_ids_that_name_nobody_are_no_patient_and_no_salt_is_made_for_them(tmp_path):
    films = [person("Anonymized"), person("UNKNOWN"), person("0"), {}]
    headers = headers_of(tmp_path / "a", *films)
    assert column(headers, "patient") == [""] * 4 and headers.salt is None
    assert "the patient of 4 DICOM files of 4 is not known" in told(headers)
    assert "one patient" not in told(headers) and not (tmp_path / "settings").exists()


def test_one_id_of_two_issuers_is_two_people(tmp_path, salt):
    films = [person("1", IssuerOfPatientID="EAST"), person("1", IssuerOfPatientID="WEST")]
    east, west = column(headers_of(tmp_path / "a", *films, salt=salt), "patient")
    assert east != west


def test_an_id_without_its_issuer_is_that_of_the_one_who_has_it(tmp_path, salt):
    films = [person("1", IssuerOfPatientID="EAST"), person("1"), person("2")]
    one, same, other = column(headers_of(tmp_path / "a", *films, salt=salt), "patient")
    assert one == same != other


def test_what_the_user_says_of_patients_stands_and_no_salt_is_asked_for(tmp_path):
    headers = headers_of(tmp_path / "a", person("1"), said=("patient",))
    assert column(headers, "patient") == [""] and headers.salt is None
    assert "patient" not in headers.cells(("patient",)) and headers.cells(())["patient"]
    assert not (tmp_path / "settings").exists()


# ---- in which order


def test_studies_are_numbered_by_date_and_time_within_a_patient(tmp_path, salt):
    films = [
        person("1", StudyDate="20200101", StudyTime="100000"),
        person("1", StudyDate="20190101"),
        person("1", StudyDate="20200101", StudyTime="090000"),
        person("1", StudyDate="20200101", StudyTime="100000"),  # a second film of one study
        person("2", StudyDate="19990101"),
        person("1"),
        {"StudyDate": "20180101"},
    ]
    headers = headers_of(tmp_path / "a", *films, salt=salt)
    assert [own["dicom study"] for own in headers.fields.values()] == [
        *("3", "1", "2", "3", "1", "", "")
    ]


# ---- what is said


def test_the_salt_is_told_on_the_way_and_stands_in_no_record(tmp_path, salt):
    said = RecordingProgress()
    file = str(write_dicom(tmp_path / "film", FILM, PatientID="1"))
    headers = read_headers({"film": file}, (), salt, said)
    assert [line for line in said.lines if str(salt) in line and "as before" in line]
    record = f"{headers.told} {headers.lines(())}"
    assert str(salt) not in record and SALT not in record and len(headers.told["salt"]) == 8


@pytest.mark.parametrize(
    "films,says",
    [
        ([person("1"), person("1")], "all 2 DICOM files have one patient's id"),
        (
            [person("1", PatientSex="F"), person("1", PatientSex="M"), person("2")],
            "1 patient's id stands in films of women and of men",
        ),
        ([person("012"), person("12")], "1 pair of patients' ids differs in case or leading zeros"),
        ([person("1"), {}], "the patient of 1 DICOM file of 2 is not known"),
        (
            [{"ViewPosition": "LL"}, {"ViewPosition": "LLD"}],
            "2 DICOM films are left out as lateral",
        ),
    ],
)
def test_what_a_reader_must_know_is_said(tmp_path, salt, films, says):
    words = told(headers_of(tmp_path / "a", *films, salt=salt))
    assert says in words and "film0" not in words and "film1" not in words


def test_sound_headers_say_nothing(tmp_path, salt):
    films = [person("1", ViewPosition="PA"), person("2", ViewPosition="AP")]
    assert headers_of(tmp_path / "a", *films, salt=salt).warnings == []


@pytest.mark.parametrize(
    "name", ["P4711/film.dcm", "1.2.840.113619.2.5.1762583153", "a/1.2.840.1.2.3/x.dcm"]
)
def test_names_that_hold_an_id_are_told_without_it(tmp_path, salt, name):
    headers = headers_of(tmp_path / "a", person("p4711"), {}, salt=salt, names=[name, "plain"])
    assert "1 path of 2 DICOM files holds an id in clear" in told(headers)
    assert "4711" not in told(headers).lower() and "1.2.840" not in told(headers)


# ---- a folder


def class_folders(root: Path) -> Path:
    "Two classes of ten patients; normal/0 is a lateral, tb/0.png an export of tb/film_0.dcm."
    for name, kind in (("normal", "normal"), ("tb", "tuberculosis")):
        for number in range(10):
            tags = person(f"{name}{number}", ViewPosition="PA", PatientAge=f"0{40 + number}Y")
            if (name, number) == ("normal", 0):
                tags["ViewPosition"] = "RL"
            seed = number if name == "normal" else 100 + number
            write_dicom(root / name / f"film_{number}.dcm", film(seed, kind), **tags)
    Image.fromarray(film(100, "tuberculosis")).save(root / "tb" / "0.png")
    return root


def test_a_folder_of_dicom_is_curated_like_any_other(tmp_path, salt):
    found = curate(tmp_path / "out", folder=class_folders(tmp_path / "films"), salt=salt, workers=1)
    rows = {row.original_path: row for row in found.records}
    assert len(rows) == 19 and {row.format for row in rows.values()} == {"DICOM"}
    row = rows["tb/film_3.dcm"]
    assert (row.view, row.age, row.study) == ("PA", "43", "") and row.patient.startswith("dicom:")
    assert len({row.patient for row in rows.values()}) == 19
    (lateral,) = found.rejects
    assert (lateral.path, lateral.stage, lateral.reason) == ("normal/film_0.dcm", "filter", "view")
    assert lateral.shows == "lateral", "for the gate"
    (copies,) = found.copy_sets
    assert {member.item.path for member in copies.members} == {
        "tb/film_0.dcm",
        "tb/0.png",
    }
    assert copies.kept.item.path == "tb/film_0.dcm", "the one that knows its patient"
    image = np.asarray(Image.open(tmp_path / "out" / rows["tb/film_0.dcm"].path))
    assert np.array_equal(image, film(100, "tuberculosis"))
    command = found.request.own["command"]
    assert f"--salt {salt}" in command and SALT not in command


def test_the_same_salt_gives_the_same_bytes_and_another_is_refused_in_the_same_folder(
    tmp_path, salt
):
    folder = class_folders(tmp_path / "films")
    for out in ("a", "b"):
        curate(tmp_path / out, folder=folder, salt=salt, workers=1)
    one, other = ((tmp_path / out / "manifest.csv").read_bytes() for out in ("a", "b"))
    assert one == other
    assert curate(tmp_path / "a", folder=folder, salt=salt, workers=1).written == 0
    with pytest.raises(UsageError, match="curated with another salt of patients' ids"):
        curate(tmp_path / "a", folder=folder, workers=1)
    assert (tmp_path / "a" / "manifest.csv").read_bytes() == one


def test_a_salt_in_the_folder_that_is_written_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "salt").write_text(SALT)
    folder = class_folders(tmp_path / "films")
    with pytest.raises(UsageError, match="who has both finds the patients"):
        curate(tmp_path / "out", folder=folder, salt=tmp_path / "out" / "salt")


def test_a_regex_stands_before_headers_and_the_rest_is_taken_of_them(tmp_path):
    folder = class_folders(tmp_path / "films")
    found = curate(tmp_path / "out", folder=folder, patient=r"(\d+)\.dcm", workers=1, check=True)
    row = next(row for row in found.records if row.original_path == "tb/film_3.dcm")
    assert (row.patient, row.view, row.age) == ("films:3", "PA", "43")
    assert not (tmp_path / "settings").exists()


def test_a_column_of_a_csv_stands_before_headers_and_keeps_what_it_calls_frontal(tmp_path, salt):
    folder = class_folders(tmp_path / "films")
    lines = ["file,dx,how"]
    for name in ("normal", "tb"):
        lines += [f"{name}/film_{number}.dcm,{name},AP" for number in range(10)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    words = dict(table=tmp_path / "t.csv", file="file", label="dx", folder=folder, salt=salt)
    found = curate(tmp_path / "a", **words, view="how", workers=1, check=True)
    assert len(found.records) == 20 and {row.view for row in found.records} == {"AP"}
    assert {len(row.patient) for row in found.records} == {len("dicom:") + 16}
    without = curate(tmp_path / "b", **words, workers=1, check=True)
    assert len(without.records) == 19 and {row.view for row in without.records} == {"PA"}
