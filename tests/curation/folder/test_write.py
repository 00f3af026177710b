"""pytest tests/curation/folder/test_write.py; kills at every step: tests/curation/test_kill.py"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from made_curations import Films, curation, record, reject
from PIL import Image
from toy_sources import read_rows, tree

from cxr_fastai import phantom
from cxr_fastai.core import IntegrityError, StorageError
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.folder import write
from cxr_fastai.curation.folder.result import Written
from cxr_fastai.curation.folder.write import is_ours, write_folder, write_many
from cxr_fastai.images import decode
from cxr_fastai.manifest import read_manifest
from cxr_fastai.recipes import Recipe

RECIPE = Recipe(name="toy", title="Toy", classes={"normal": ["no_finding"], "mass": ["mass"]})


@pytest.fixture
def films(tmp_path):
    (tmp_path / "films").mkdir()
    return Films(tmp_path / "films")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def complete(image, **cells):
    "A row that a manifest may hold."
    fingerprint = image.fingerprint
    return record(
        image,
        sha256=fingerprint.sha256,
        phash=fingerprint.phash,
        findings="no_finding",
        **cells,
    )


def whole(films, out, n=3, **cells):
    "A curation of n films, one of which has a copy."
    copies = films.pair(seed=1)
    images = [copies.kept, *(films.image(seed=10 + i) for i in range(n - 1))]
    origins = {image.fingerprint.pixel_sha256: image.item for image in images}
    rows = sorted((complete(image) for image in images), key=lambda row: row.path)
    return curation([copies], records=rows, out=out, origins=origins, recipe=RECIPE, **cells)


def written(done):
    with open_engine("local", 1) as engine:
        return write_folder(done, engine)


def test_a_folder_holds_images_tables_card_and_page_and_says_how_many_files(films, out):
    done = whole(films, out, rejects=[reject()])
    assert written(done) == Written(files=3 + 11)
    manifest = read_manifest(out)
    assert [r.path for r in manifest.rows] == [r.path for r in done.records]
    for row in manifest.rows:
        assert np.array_equal(decode(out / row.path), decode(done.origins[row.pixel_sha256].file))
    assert len(read_rows(out / "duplicates.csv")) == 2 and len(read_rows(out / "rejects.csv")) == 1
    names = {p for p, what in tree(out).items() if what != "folder" and "/" not in p}
    assert names == {"manifest.csv", "curation.json", *write.TABLES}


def test_what_is_handed_over_is_not_changed(films, out):
    done = whole(films, out)
    before = deepcopy(done)
    written(done)
    assert done == before and done.written == 0


def test_a_second_time_nothing_is_written(films, out):
    done = whole(films, out)
    written(done)
    before = tree(out)
    assert written(done) == Written() and tree(out) == before


def test_images_that_no_longer_belong_go_and_foreign_files_stay(films, out):
    done = whole(films, out)
    written(done)
    (out / "normal/mine.txt").write_text("x")
    fewer = replace(done, records=done.records[1:])
    changes = written(fewer)
    assert (changes.removed, changes.foreign) == (1, ("normal/mine.txt",))
    assert not (out / done.records[0].path).exists() and (out / "normal/mine.txt").exists()


def test_an_image_that_is_gone_from_the_folder_is_written_again(films, out):
    done = whole(films, out)
    written(done)
    (out / done.records[0].path).unlink()
    assert written(done).files == 2  # the image, and the manifest that promises it
    assert read_manifest(out).rows


def test_conflicts_are_laid_aside_where_that_was_asked_for(films, out):
    torn = films.pair(seed=4, label="mass")
    done = whole(films, out, on_conflict="keep-both-out")
    images = {m.fingerprint.pixel_sha256: m.item for m in torn.members}
    done = replace(done, copy_sets=[*done.copy_sets, torn], origins={**done.origins, **images})
    written(done)
    rows = read_rows(out / "conflicts.csv")
    assert len(rows) == 2 and all((out / row["aside"]).is_file() for row in rows)


def test_images_laid_aside_have_a_dot_name_and_those_of_before_it_follow(films, out):
    torn = films.pair(seed=4, label="mass")
    done = whole(films, out, on_conflict="keep-both-out")
    images = {m.fingerprint.pixel_sha256: m.item for m in torn.members}
    done = replace(done, copy_sets=[*done.copy_sets, torn], origins={**done.origins, **images})
    written(done)
    aside = sorted(path for path in tree(out) if path.startswith(".conflicts/"))
    assert len([path for path in aside if path.endswith(".png")]) == 2
    (out / ".conflicts").rename(out / "conflicts")
    table = out / "conflicts.csv"
    table.write_text(table.read_text().replace(".conflicts/", "conflicts/"))
    assert written(done).removed == 2 and not (out / "conflicts").exists()
    assert sorted(path for path in tree(out) if path.startswith(".conflicts/")) == aside


@pytest.mark.parametrize(
    "path, ours",
    [
        (f"COVID-19 (pos)/{'0' * 32}.png", True),
        (f"test/\u80ba\u708e/{'0' * 32}_2.png", True),
        (f".conflicts/{'0' * 16}/{'0' * 32}.png", True),
        (f"conflicts/{'0' * 16}/{'0' * 32}.png", True),
        (f"../{'0' * 32}.png", False),
        (f".git/{'0' * 32}.png", False),
        (f"/etc/{'0' * 32}.png", False),
        (f"a/b/c/{'0' * 32}.png", False),
        (f"{'0' * 32}.png", False),
        ("normal/mine.png", False),
    ],
)
def test_only_what_a_run_may_have_written_is_ever_removed(path, ours):
    assert write._is_image_of_a_run(path) is ours


def test_halves_of_our_own_files_are_cleared_and_others_are_not(films, out):
    done = whole(films, out)
    (out / "normal").mkdir()
    halves = [out / ".manifest.csv.7.part", out / "normal" / f".{'0' * 32}.png.7.part"]
    others = [out / ".thesis.docx.7.part", out / "normal/.notes.7.part"]
    for file in (*halves, *others):
        file.write_text("half")
    written(done)
    assert not any(file.exists() for file in halves) and all(file.exists() for file in others)


def test_a_disk_without_room_is_told_before_anything_is_written(films, out, monkeypatch):
    monkeypatch.setattr(write, "PNG_SHARE", 1e15)
    with pytest.raises(StorageError, match="3 images need about"):
        written(whole(films, out))
    assert tree(out) == {}


def test_a_source_file_that_changed_is_refused(films, tmp_path):
    image = films.image(seed=1)
    Image.fromarray(phantom.draw("normal", 2, 64)).save(image.item.file)
    job = (image.item.file, None, (), image.fingerprint.pixel_sha256, str(tmp_path / "x.png"))
    with pytest.raises(IntegrityError, match="changed while it was curated"):
        write_many([job])
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    "name, ours",
    [
        (".curating.lock", True),
        (".images.txt", True),
        ("sources.lock.json", True),
        (".curation.json.123.part", True),
        (".thesis.docx.123.part", False),
        ("manifest.csv", False),
        ("holiday.png", False),
    ],
)
def test_what_a_killed_run_may_have_left_is_known_by_its_name(name, ours):
    assert is_ours(name) is ours
