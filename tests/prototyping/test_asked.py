"""pytest tests/prototyping/test_asked.py"""

import json
import zipfile
from pathlib import Path

import pytest

from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.prototyping.asked import Request, check_places, default_out, request_of

NOTHING = dict(table=None, minutes=5, seed=0, same=(), take_as=None)


def asked(folder, **cells):
    return request_of(folder, **{**NOTHING, **cells})


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (dict(folder=None), "name a folder of images"),
        (dict(folder="x", minutes=0), "minutes = 0: expected more than 0"),
        (dict(folder="x", minutes=-1), "minutes = -1"),
        (dict(folder="x", minutes=float("nan")), "expected a number"),
        (dict(folder="x", minutes="5"), "expected a number"),
        (dict(folder="x", minutes=1e9), "at most"),
        (dict(folder="x", seed=-1), "seed = -1"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(case, words):
    with pytest.raises(UsageError, match=words) as refused:
        asked(**case)
    assert "\n" not in str(refused.value)


def test_the_place_of_the_images_stays_the_same_wherever_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert asked("films").folder == str(tmp_path / "films")
    assert asked("films", salt="own.salt").salt == str(tmp_path / "own.salt")
    assert asked(None, table="a/b.csv").table == str(tmp_path / "a" / "b.csv")


def test_a_request_goes_through_json():
    request = Request("/f", "/t.csv", "path", "y", same=("A=B",), take_as=(("C", "d"),), seed=3)
    assert Request.from_dict(json.loads(json.dumps(request.to_dict()))) == request


def test_a_request_says_itself_in_flags():
    request = Request("/my films", patient=r"p(\d+)", same=("A=B,C",), take_as=(("x y", "normal"),))
    assert (
        request.flags == "--folder '/my films' --patient 'p(\\d+)' --same A=B,C --as 'x y=normal'"
    )
    assert request.of_images == {
        "folder": "/my films",
        "patient": r"p(\d+)",
        "same": ("A=B,C",),
        "take_as": {"x y": "normal"},
    }
    assert Request("/f", salt="/s").flags == "--folder /f --salt /s"


def test_another_request_is_told_from_this_one():
    differences = Request("/f", minutes=5, same=("A=B",)).differences(Request("/g", minutes=2.5))
    assert differences == ["FOLDER /g, now /f", "--same none, now A=B", "--minutes 2.5, now 5"]
    assert Request("/f").differences(Request("/f")) == []


@pytest.mark.parametrize(
    ("request_", "name"),
    [(Request("/a/films"), "films"), (Request("/a/films", "/b/labels.csv"), "labels")],
)
def test_it_is_called_as_its_images_are(request_, name):
    assert default_out(request_) == Path("prototypes") / name


def refused(request, out):
    with pytest.raises((UsageError, StorageError)) as error:
        check_places(request, out)
    return str(error.value)


def test_places_that_cannot_be_are_refused(tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    (films / "a.png").touch()
    request = Request(str(films))
    assert "lies in" in refused(request, films)
    assert "lies in" in refused(request, films / "out")
    assert "no folder" in refused(Request(str(tmp_path / "gone")), tmp_path / "out")
    assert "is a file" in refused(Request(str(films / "a.png")), tmp_path / "out")
    assert "no csv" in refused(Request(table=str(tmp_path / "t.csv")), tmp_path / "out")
    assert check_places(request, tmp_path / "out") is None


def test_a_curated_folder_is_told_what_to_do(tmp_path):
    for name in ("curation.json", "manifest.csv"):
        (tmp_path / name).touch()
    assert f"cxr train {tmp_path}" in refused(Request(str(tmp_path)), tmp_path.parent / "out")


def test_an_archive_is_taken_and_names_the_answer_without_its_ending(tmp_path):
    archive = tmp_path / "films.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("films/a/1.png", b"x")
    request = asked(archive)
    check_places(request, tmp_path / "out")
    assert default_out(request) == Path("prototypes/films")
    (tmp_path / "notes.txt").write_text("no archive")
    with pytest.raises(UsageError, match="notes.txt is a file: name a folder"):
        check_places(asked(tmp_path / "notes.txt"), tmp_path / "out")
