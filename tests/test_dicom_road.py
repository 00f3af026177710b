"""No text of a DICOM header leaves it, on any road: a canary in every element, and no verb sings."""

import io
import shutil
import warnings
from pathlib import Path

import pytest
import torch
import toy_prototypes
from dicom_files import (
    CANARY,
    CANARY_DATE,
    NEEDED,
    canaries_in,
    dataset,
    film,
    with_canaries,
    write_index,
)
from pydicom.filewriter import dcmwrite
from toy_rows import META, VOCAB

from cxr_fastai import cli
from cxr_fastai.bundle import save_bundle
from cxr_fastai.models.networks import build_network

KINDS = {"normal": "normal", "tb": "tuberculosis"}
PATIENTS = 8  # of each class, two films each


def canary_film(folder: Path, kind: str, number: int) -> None:
    "A film whose header has canaries everywhere, and a patient of two studies."
    patient, study = divmod(number, 2)
    ds = dataset(film(number, KINDS[kind], 128))
    with_canaries(ds)
    ds.PatientID = f"{CANARY}{kind}{patient}"
    ds.StudyDate = f"{1933 + study}0707"
    ds.ViewPosition = "PA" if number else "LL"
    ds.BurnedInAnnotation = "YES" if number == 3 else "NO"
    ds.PatientAge, ds.PatientSex = "054Y", "F"
    save(ds, folder / kind / "DICOM" / f"PAT{patient:05}" / f"ST{study:05}" / "IM00001")


def save(ds, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(file, ds, enforce_file_format=True)


def refused_films(folder: Path) -> None:
    "Films that are read otherwise or not at all, each for one element that holds a canary."
    for number, keyword in enumerate(NEEDED):
        ds = dataset(film(50 + number))
        value = f"1.2.7357.7357.7357.{number}" if keyword.endswith("UID") else CANARY
        setattr(ds, keyword, value)
        ds.PatientID = CANARY
        save(ds, folder / "tb" / f"odd{number}.dcm")
    ds = with_canaries(dataset(film(60)))
    del ds.PixelData
    save(ds, folder / "tb" / "no_pixels.dcm")
    whole = io.BytesIO()
    dcmwrite(whole, with_canaries(dataset(film(61))), enforce_file_format=True)
    (folder / "tb" / "cut.dcm").write_bytes(whole.getvalue()[:-400])
    charset = dataset(film(62), PatientID="4711")
    charset.add_new(0x00080005, "CS", CANARY)
    charset.add_new(0x00100010, "PN", CANARY)
    save(charset, folder / "tb" / "charset.dcm")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "Class folders of DICOM, as discs have them."
    folder = tmp_path_factory.mktemp("films") / "films"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom, which such values dismay
        for kind in KINDS:
            write_index(folder / kind / "DICOMDIR")
            for number in range(2 * PATIENTS):
                canary_film(folder, kind, number)
        refused_films(folder)
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    network = build_network("resnet18", len(VOCAB))
    return save_bundle(tmp_path_factory.mktemp("run") / "bundle", network, META)


@pytest.fixture
def place(tmp_path, monkeypatch):
    "Where a test's command runs, with its own cache and settings."
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capfd, *words) -> str:
    "What a command prints on both streams; it must not fail."
    code = cli.main([str(word) for word in words])
    streams = capfd.readouterr()
    assert code == 0, streams.err
    return streams.out + streams.err


def check_silent(place: Path, *printed: str) -> None:
    "No file below a folder, no name of one, and nothing that was printed has a canary."
    for text in printed:
        assert canaries_in(text.encode()) == [], text
    files = [file for file in place.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert canaries_in(str(file.relative_to(place)).encode()) == [], file
        assert canaries_in(file.read_bytes()) == [], file


def test_the_films_sing_themselves(films):
    for file in films.rglob("IM00001"):
        assert canaries_in(file.read_bytes())[:1] == [CANARY]
        assert CANARY_DATE.encode() in file.read_bytes()


def test_curation_dedupe_eda_and_audit_let_nothing_out(films, place, capfd):
    out = place / "out"
    curated = run(capfd, "curate", "--folder", films, "--out", out, "--workers", 1)
    again = run(capfd, "curate", "--folder", films, "--out", out, "--workers", 1, "--json")
    assert "up to date" in again
    manifest = (out / "manifest.csv").read_text()
    assert manifest.count("dicom:") >= 2 * (2 * PATIENTS - 1)
    assert ",burned_in" in (out / "quality.csv").read_text().replace("|", ",")
    rejects = (out / "rejects.csv").read_text()
    assert "filter,view" in rejects and "no_pixels" in rejects and "DICOMDIR" not in rejects
    dupes = run(capfd, "dedupe", films, "--out", place / "copies", "--workers", 1)
    dupes += run(capfd, "dedupe", films, "--json", "--workers", 1)
    told = run(capfd, "eda", out, "--out", place / "eda")
    told += run(capfd, "eda", out, "--json")
    told += run(capfd, "audit", out, "--out", place / "audit")
    shutil.rmtree(place / "settings")  # the salt is no output
    check_silent(place, curated, again, dupes, told)


def test_a_csv_lets_nothing_out_either(films, place, capfd):
    paths = sorted(p.relative_to(films).as_posix() for p in films.rglob("IM00001"))
    rows = [f"{path},{path.split('/')[0]}" for path in paths]
    (place / "labels.csv").write_text("\n".join(["image,finding", *rows]))
    words = ["--table", "labels.csv", "--file", "image", "--label", "finding", "--folder", films]
    said = run(capfd, "curate", *words, "--out", place / "out", "--workers", 1)
    assert "16 patients" in said
    check_silent(place, said)


def test_prediction_lets_nothing_out(films, bundle, place, capfd):
    said = run(capfd, "predict", bundle, films)
    said += run(capfd, "predict", bundle, films, "--json", "--csv", "answers.csv")
    assert f"IM{1:05}" in said and "DICOMDIR" not in said
    check_silent(place, said)


@pytest.mark.slow
def test_a_prototype_lets_nothing_out(films, place, capfd, monkeypatch):
    toy_prototypes.tiny_plans(monkeypatch)
    said = run(capfd, "prototype", films, "--out", "out", "--workers", 1)
    said += run(capfd, "evaluate", "out/run/bundle", "out/curated", "--out", "again")
    said += run(capfd, "predict", "out/run/bundle", films / "tb", "--out", "page")
    assert "--salt" not in said
    shutil.rmtree(place / "settings")
    check_silent(place, said)
