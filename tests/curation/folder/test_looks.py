"""pytest tests/curation/folder/test_looks.py: films that lie on their side, are inverted or lateral"""

import csv

import numpy as np
import pytest
from made_curations import Films, record
from PIL import Image
from toy_sources import read_rows, tree

from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.folder.looks import (
    FilmLook,
    Looks,
    look_at,
    looks_words,
    right_films,
    right_records,
)
from cxr_fastai.curation.folder.result import FILMS_LIE, NOT_JUDGED
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.images import decode, pixel_sha256
from cxr_fastai.manifest import check_manifest, read_manifest
from cxr_fastai.phantom import draw

FINDINGS = ("normal", "bacterial_pneumonia", "tuberculosis")
SIDE = 72
# number of a film -> how it lies
LYING = {5: "turned_90", 21: "turned_180", 50: "inverted"}
LATERAL = 77  # by the table's column of views


def upright(number: int) -> np.ndarray:
    "Higher than wide, so that turning shows in its size."
    return draw(FINDINGS[number % 3], number, SIDE)[:, : SIDE - 8]


def lying(number: int) -> np.ndarray:
    how = LYING.get(number, "")
    pixels = upright(number)
    if how == "inverted":
        return 255 - pixels
    return np.ascontiguousarray(np.rot90(pixels, int(how[7:] or 0) // 90)) if how else pixels


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    "A csv of 110 films, each of its own patient; three lie down, one is a lateral by its view."
    root = tmp_path_factory.mktemp("raw")
    rows = []
    for number in range(110):
        Image.fromarray(lying(number)).save(root / f"{number}.png")
        label = "sick" if number % 3 else "normal"
        view = "lateral" if number == LATERAL else "PA"
        rows.append((f"{number}.png", label, f"p{number}", view))
    with open(root / "table.csv", "w", newline="") as f:
        csv.writer(f).writerows([("file", "label", "patient", "view"), *rows])
    return root / "table.csv"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(cache))


def curated(table, out, **cells):
    said = dict(table=table, file="file", label="label", patient="patient", view="view")
    return curate(out, **said, workers=1, **cells)


@pytest.fixture(scope="module")
def folders(table, cache, tmp_path_factory):
    "The table curated as it lies, and righted."
    patch = pytest.MonkeyPatch()
    patch.setenv("CXR_CACHE", str(cache))
    root = tmp_path_factory.mktemp("out")
    plain = curated(table, root / "plain")
    right = curated(table, root / "right", right=True)
    patch.undo()
    return plain, right


def quality(done):
    "number of a film -> its row of quality.csv."
    rows = read_rows(done.out / "quality.csv")
    return {int(row["original_path"].removesuffix(".png")): row for row in rows if row["looks"]}


def test_films_that_lie_or_are_inverted_or_lateral_are_told_and_no_others(folders):
    plain, _ = folders
    looks = {number: row["looks"] for number, row in quality(plain).items()}
    assert looks == {**LYING, LATERAL: "lateral"}
    assert {row["righted"] for row in quality(plain).values()} == {""}
    odds = {number: row["odds"] for number, row in quality(plain).items()}
    assert odds.pop(LATERAL) == ""  # its table says so
    assert all(float(value) > 3 for value in odds.values())
    assert plain.summary.looks == {"inverted": 1, "lateral": 1, "turned_180": 1, "turned_90": 1}


def test_without_being_asked_no_film_is_changed(folders):
    plain, _ = folders
    for row in read_manifest(plain.out).rows:
        number = int(row.original_path.removesuffix(".png"))
        assert np.array_equal(decode(plain.out / row.path), lying(number))
        assert row.righted == ""


def test_where_it_was_asked_for_films_are_written_upright_and_the_manifest_tells(folders):
    _, right = folders
    told = {}
    for row in read_manifest(right.out).rows:
        number = int(row.original_path.removesuffix(".png"))
        pixels = decode(right.out / row.path)
        assert np.array_equal(pixels, upright(number))
        assert (row.height, row.width) == tuple(str(side) for side in pixels.shape)
        assert row.pixel_sha256 == pixel_sha256(pixels)
        assert row.path.endswith(f"{row.pixel_sha256[:32]}.png")
        if row.righted:
            told[number] = row.righted
    assert told == LYING
    assert check_manifest(right.out) == []
    righted = {number: row["righted"] for number, row in quality(right).items()}
    assert righted == {**dict.fromkeys(LYING, "yes"), LATERAL: ""}


def test_where_a_film_came_from_is_the_same_righted_or_not(folders):
    plain, right = folders
    came = []
    for done in folders:
        rows = read_manifest(done.out).rows
        of_each = {r.original_path: (r.sha256, r.group, r.split, r.patient, r.label) for r in rows}
        came.append(of_each)
    assert came[0] == came[1]
    assert set(right.brightness) == {row.path for row in right.records}
    assert tree(plain.out)["duplicates.csv"] == tree(right.out)["duplicates.csv"]


def test_page_card_and_terminal_say_how_many_and_what_can_be_done(folders):
    plain, right = folders
    says = "4 films look unlike an upright frontal film (1 inverted, 1 lateral, 1 upside down, 1"
    warning = next(each for each in plain.warnings if each.kind == FILMS_LIE)
    assert warning.says.startswith(says) and "--right" in warning.do
    for done in folders:
        assert says in str(done)
        for page in ("README.md", "report.html"):
            assert says in (done.out / page).read_text()
    assert "3 were turned or inverted back" in str(right)
    assert next(each for each in right.warnings if each.kind == FILMS_LIE).do == ""
    assert right.to_dict()["righted"] == 3 and right.to_dict()["looks"] == plain.summary.looks


def test_a_second_run_writes_nothing_and_another_way_is_refused(table, folders):
    plain, right = folders
    before = tree(right.out)
    assert curated(table, right.out, right=True).written == 0 and tree(right.out) == before
    for done, is_righted in ((plain, False), (right, True)):
        with pytest.raises(UsageError, match="was curated with another right"):
            curated(table, done.out, right=not is_righted)


def test_of_few_films_nothing_is_told_and_that_is_said_where_righting_was_asked_for(tmp_path):
    for number in range(20):
        folder = tmp_path / "raw" / ("sick" if number % 3 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.rot90(upright(number), 2) if number == 4 else upright(number)
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{number}.png")
    plain = curate(tmp_path / "plain", folder=tmp_path / "raw", workers=1)
    right = curate(tmp_path / "right", folder=tmp_path / "raw", workers=1, right=True)
    kinds = [warning.kind for warning in plain.warnings]
    assert FILMS_LIE not in kinds and NOT_JUDGED not in kinds
    told = next(each for each in right.warnings if each.kind == NOT_JUDGED)
    assert "no film was righted: fewer than 100 films" in told.says
    assert not plain.looked and not right.summary.looks
    assert "lie on their side was not asked" in (tmp_path / "plain/README.md").read_text()


# ---- the steps


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def rights(*images, looks, in_folder=()):
    "pixel_sha256 as it lay -> what is written."
    origins = {image.fingerprint.pixel_sha256: image.item for image in images}
    with open_engine("local", 1) as engine:
        return right_films(Looks(looks, True), origins, set(in_folder), engine)


def turn(pixels):
    return np.ascontiguousarray(np.rot90(pixels, 2))


def test_a_film_that_the_folder_has_upright_already_stays_as_it_lies(films):
    image, there = films.image(seed=3, edit=turn), films.image(seed=3)
    sha = image.fingerprint.pixel_sha256
    looks = {sha: FilmLook("turned_180", 5.0, ("turned_180",))}
    assert set(rights(image, looks=looks)) == {sha}
    assert rights(image, looks=looks, in_folder={there.fingerprint.pixel_sha256}) == {}


def test_two_films_that_would_become_one_stay_as_they_lie(films):
    one, other = films.image(seed=3, edit=turn), films.image(seed=3, edit=lambda p: 255 - p)
    looks = {
        one.fingerprint.pixel_sha256: FilmLook("turned_180", 5.0, ("turned_180",)),
        other.fingerprint.pixel_sha256: FilmLook("inverted", 5.0, ("inverted",)),
    }
    assert rights(one, other, looks=looks) == {}


def test_a_file_that_changed_meanwhile_is_refused(films):
    image = films.image(seed=3)
    Image.fromarray(draw("normal", 4, 64)).save(image.item.file)
    looks = {image.fingerprint.pixel_sha256: FilmLook("inverted", 5.0, ("inverted",))}
    with pytest.raises(IntegrityError, match="changed while it was curated"):
        rights(image, looks=looks)


def test_an_image_that_repeats_a_righted_one_names_its_new_path(films):
    image = films.image(seed=3, edit=turn)
    sha = image.fingerprint.pixel_sha256
    first = record(image)
    again = record(image, path=f"normal/{sha[:32]}_2.png", repeat_of=first.path)
    looks = {sha: FilmLook("turned_180", 5.0, ("turned_180",))}
    found = rights(image, looks=looks)
    rows = right_records([first, again], found)
    new = found[sha].pixel_sha256[:32]
    assert [row.path for row in rows.values()] == [f"normal/{new}.png", f"normal/{new}_2.png"]
    assert [row.repeat_of for row in rows.values()] == ["", f"normal/{new}.png"]


def test_a_folder_of_laterals_alone_is_told_by_their_view_and_judged_by_nothing(films):
    image = films.image(seed=3)
    looks = look_at(
        [record(image, view="L")], {image.fingerprint.pixel_sha256: image.fingerprint}, [], 0
    )
    assert looks == Looks({image.fingerprint.pixel_sha256: FilmLook("lateral", None)}, False)


def test_words():
    assert looks_words({"turned_90": 1}, 0) == (
        "1 film looks unlike an upright frontal film (1 with the head to the left; quality.csv "
        "names each)"
    )
