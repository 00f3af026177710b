"""Any folder of images, through Python and through the command"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import film, write_dicom, write_index
from PIL import Image
from recording_progress import RecordingProgress
from toy_sources import rule, tree, write_catalog

from cxr_fastai import find_duplicates
from cxr_fastai.core import UsageError
from cxr_fastai.curation.copies.find import find
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.phantom import draw

FILMS = {i: draw("normal", i, 160) for i in range(6)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


@pytest.fixture
def films(tmp_path):
    "Six radiographs in two folders below one, with a mirrored, a turned and a smaller copy, and one of equal bytes."
    root = tmp_path / "films"
    for i, x in FILMS.items():
        save(root / ("a" if i < 3 else "b/deep") / f"{i}.png", x)
    shutil.copy(root / "a/0.png", root / "b/again.png")
    save(root / "b/mirror_1.png", FILMS[1][:, ::-1])
    save(root / "b/turned_1.png", np.rot90(FILMS[1]))
    save(root / "small_4.png", np.asarray(Image.fromarray(FILMS[4]).resize((90, 90))))
    (root / "a/notes.txt").write_text("no image")
    return root


def test_hidden_and_system_files_are_no_copies_unless_one_is_named(films):
    hidden = [save(films / name / "x.png", FILMS[0]) for name in (".ipynb_checkpoints", "@eaDir")]
    named = save(films / ".x.png", FILMS[5])
    progress = RecordingProgress()
    found = find(films, workers=1, progress=progress)
    paths = {row["path"] for row in found.rows}
    assert paths and paths.isdisjoint(map(str, [*hidden, named]))
    assert any(line.startswith("passed over 3 images") for line in progress.lines)
    given = find([films / "b" / "deep", named], workers=1)
    assert str(named) in {row["path"] for row in given.rows}


def copies(df, root):
    "kept -> {copy: (kind, transform)}, by file name."
    name = lambda p: os.path.basename(p)
    return {
        name(g[g.kept].path.iloc[0]): {
            name(r.path): (r.kind, r.transform) for r in g[~g.kept].itertuples()
        }
        for _, g in df.groupby("group")
    }


def cxr(*args, cwd):
    env = {**os.environ, "CXR_CACHE": str(cwd / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "cxr_fastai", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
    )


def test_every_copy_below_a_folder_is_found_and_nothing_is_changed(films):
    before = tree(films)
    df = find_duplicates(films, workers=1)
    assert copies(df, films) == {
        "0.png": {"again.png": ("bytes", "")},
        "1.png": {"mirror_1.png": ("near", "mirrored"), "turned_1.png": ("near", "rotated 270")},
        "4.png": {"small_4.png": ("near", "resized 0.56 x 0.56")},
    }
    assert (
        df.score.between(0.9, 1).all()
        and set(df.label) <= {"a", "b", "deep", ""}
        and set(df.source) == {"films"}
    )
    assert tree(films) == before


def test_files_folders_and_lists_may_be_given_and_no_file_counts_twice(films):
    one = find_duplicates([films / "a", films / "a/0.png", films / "b/again.png"], workers=1)
    assert copies(one, films) == {"0.png": {"again.png": ("bytes", "")}}


def test_against_tells_only_of_new_images_and_keeps_the_old(films, tmp_path):
    for new in ("b/mirror_1.png", "b/deep/5.png", "small_4.png"):
        (tmp_path / "new").mkdir(exist_ok=True)
        shutil.move(films / new, tmp_path / "new")
    save(tmp_path / "new/large_2.png", np.asarray(Image.fromarray(FILMS[2]).resize((320, 320))))
    found = find(tmp_path / "new", against=films, workers=1)
    new_ones = {
        "1.png": {"mirror_1.png": ("near", "mirrored")},
        "4.png": {"small_4.png": ("near", "resized 0.56 x 0.56")},
        "2.png": {"large_2.png": ("near", "resized 2.00 x 2.00")},
    }
    assert copies(found.df, films) == new_ones
    assert found.images == 11 and found.old == 7 and "again.png" not in str(found)
    everything = find(tmp_path / "new", against=films, workers=1, all_copies=True)
    turned = {**new_ones["1.png"], "turned_1.png": ("near", "rotated 270")}
    assert copies(everything.df, films) == {
        **new_ones,
        "1.png": turned,
        "0.png": {"again.png": ("bytes", "")},
    }
    assert [(image.path, image.known) for image in found.new] == [
        (str(tmp_path / "new" / name), known)
        for name, known in [
            ("5.png", ""),
            ("large_2.png", "near"),
            ("mirror_1.png", "near"),
            ("small_4.png", "near"),
        ]
    ]
    assert everything.new == found.new


def test_the_command_answers_which_new_images_are_known_and_lists_the_safe_ones(films, tmp_path):
    for name, pixels in {"x": FILMS[1], "y": draw("normal", 90, 160)}.items():
        save(tmp_path / f"new/{name}.png", pixels)
    for i in range(30):
        shutil.copy(films / "a/2.png", tmp_path / f"new/again{i}.png")
    shutil.copy(tmp_path / "new/y.png", tmp_path / "new/y_again.png")
    known = "31 of 33 new images are known (31 equal bytes, 0 equal pixels, 0 altered)"
    args = ["dedupe", "new", "--against", "films", "--workers", 1]
    r = cxr(*args, cwd=tmp_path)
    lines = r.stdout.splitlines()
    assert lines[:2] == [known, "1 image safe to add; 1 more is a copy of one of these"]
    assert lines[-1] == "and 12 more: --out DIR writes all"
    r = cxr(*args, "--out", "out", cwd=tmp_path)
    assert r.stdout.startswith(known) and len(r.stdout.splitlines()) < 30
    assert known in (tmp_path / "out/gallery.html").read_text()
    assert "out/new.csv: 1 image that may be added" in r.stdout
    assert (tmp_path / "out/new.csv").read_text().splitlines() == [
        "path,copies,same_patient_as",
        f"{Path('new/y.png')},1,",
    ]
    said = json.loads((tmp_path / "out/duplicates.json").read_text())
    assert said["known"] == {"bytes": 31} and said["new"][0]["copies"] == "1"
    cxr("dedupe", "films", "--out", "out", "--workers", 1, cwd=tmp_path)
    assert not (tmp_path / "out/new.csv").exists()


def test_a_second_run_reads_what_is_new_and_compares_no_pair_again(films):
    class Progress:
        def __init__(self):
            self.asked, self.say = {}, None

        def bar(self, items, total, what):
            self.asked[what.split(":")[0]] = total
            return items

    first, again, more = Progress(), Progress(), Progress()
    before = find(films, workers=1, progress=first)
    assert first.asked["scanning images"] == 10 and first.asked["comparing pairs"] > 0
    assert find(films, workers=1, progress=again).rows == before.rows
    assert again.asked["scanning images"] == 0 and "comparing pairs" not in again.asked
    save(films / "new.png", FILMS[5][::-1])
    os.utime(films / "a/2.png", (1, 1))
    after = find(films, workers=1, progress=more)
    assert more.asked["scanning images"] == 2 and len(after.groups) == len(before.groups) + 1


def test_a_curated_folder_tells_its_sources_and_labels(tmp_path):
    for i in range(4):
        save(tmp_path / "one" / ("tb" if i % 2 else "norm") / f"{i}.png", FILMS[i])
    c = write_catalog(
        tmp_path / "c.csv",
        rule(label_value="norm", findings="no_finding"),
        rule(first=False, label_value="tb", findings="tuberculosis"),
    )
    curate(tmp_path / "out", manifest=c, workers=1)
    save(tmp_path / "new/x.png", FILMS[1][:, ::-1])
    df = find_duplicates(tmp_path / "new", against=tmp_path / "out", workers=1)
    assert [(r.source, r.label, r.kept) for r in df.itertuples()] == [
        ("one", "tuberculosis", True),
        ("new", "", False),
    ]


def test_unreadable_files_are_named_and_the_others_are_compared(films):
    (films / "a/broken.png").write_bytes((films / "a/0.png").read_bytes()[:300])
    found = find(films, workers=1)
    assert [(r.path, r.reason) for r in found.rejects] == [
        (str(films / "a/broken.png"), "truncated")
    ]
    assert len(found.groups) == 3 and "1 file could not be read" in str(found)


def test_a_folder_without_images_is_one_clear_line(tmp_path, films):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no image in .*empty"):
        find_duplicates(tmp_path / "empty")
    with pytest.raises(UsageError, match="no image in .*empty"):
        find_duplicates(films, against=tmp_path / "empty")
    with pytest.raises(UsageError, match="no folder or file .*gone"):
        find_duplicates(tmp_path / "gone")


def test_a_set_against_itself_is_told_as_that(films):
    with pytest.raises(UsageError, match="all its images are among those that are compared"):
        find_duplicates(films, against=films)


def test_what_an_earlier_run_scanned_is_told_as_known(films):
    told = []

    class Progress:
        say = None

        def bar(self, items, total, what):
            told.append(what)
            return items

    for _ in range(2):
        find(films, workers=1, progress=Progress())
    scans = [what for what in told if what.startswith("scanning")]
    assert scans == ["scanning images: 10", "scanning images: 0, 10 known from before"]


def test_images_without_copies_give_an_empty_table_with_its_columns(films):
    df = find_duplicates(films / "b/deep", workers=1)
    assert not len(df)
    assert list(df.columns) == [
        "group",
        "path",
        "source",
        "kind",
        "score",
        "transform",
        "kept",
        "label",
    ]


def test_the_command_prints_groups_and_writes_a_gallery_beside_nothing_else(films, tmp_path):
    before = tree(films)
    r = cxr("dedupe", films, "--out", tmp_path / "out", "--workers", 1, cwd=tmp_path)
    assert r.returncode == 0
    assert (
        "10 images: 3 radiographs with copies, 4 copies (1 equal bytes, 0 equal pixels, 3"
        in r.stdout
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "duplicates.csv",
        "duplicates.json",
        "gallery.html",
        "rejects.csv",
        "related.csv",
    ]
    page = (tmp_path / "out/gallery.html").read_text()
    assert (
        page.count("data:image/jpeg") == 7
        and "mirror_1.png" in page.replace("<wbr>", "")
        and "<script" not in page
    )
    said = json.loads(cxr("dedupe", films, "--json", cwd=tmp_path).stdout)
    assert said == json.loads((tmp_path / "out/duplicates.json").read_text())
    assert said["copies"] == {"bytes": 1, "near": 3}
    assert tree(films) == before


@pytest.mark.parametrize(
    "args, code, says",
    [
        (["nothing"], 2, "no image in nothing"),
        (["gone"], 2, "no folder or file gone"),
        (["films", "--against", "nothing"], 2, "no image in nothing"),
        (["films", "--out", "afile/x"], 5, "afile"),
        (["films", "--all"], 2, "give it with --against"),
    ],
)
def test_bad_input_to_the_command_is_one_line(films, tmp_path, args, code, says):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "afile").write_text("")
    r = cxr("dedupe", *args, cwd=tmp_path)
    assert (
        r.returncode == code
        and says in r.stderr
        and len(r.stderr.splitlines()) == 1
        and not r.stdout
    )


def test_an_index_of_another_version_is_told_and_rebuilt(films, tmp_path, monkeypatch):
    from cxr_fastai.curation.copies import scan_cache as memory

    find(films, workers=1)
    monkeypatch.setattr(memory, "VERSION", memory.VERSION + 1)
    said = []

    class Progress:
        say = staticmethod(said.append)
        bar = staticmethod(lambda items, total, what: items)

    assert len(find(films, workers=1, progress=Progress).groups) == 3
    assert len(said) == 1 and "another version" in said[0]


def test_a_dicom_without_an_ending_and_its_export_are_copies_and_a_discs_index_is_no_reject(
    tmp_path,
):
    disc = tmp_path / "disc"
    for number in range(3):
        write_dicom(disc / "DICOM" / f"PAT{number:05}" / "IM00001", film(number, size=160))
    write_index(disc / "DICOMDIR")
    (disc / "VIEWER").write_bytes(b"MZ, a program")
    save(tmp_path / "exports" / "1.png", film(1, size=160))
    found = find([disc, tmp_path / "exports"], workers=1)
    assert (found.images, found.rejects) == (4, [])
    (group,) = found.groups
    assert {member.item.path.rpartition("/")[2] for member in group.members} == {
        "IM00001",
        "1.png",
    }
    assert found.kinds == {"pixels": 1} and group.kept.item.path.endswith("IM00001")
