"""Archives that lie in a mirror, read as they came: pytest tests/curation/fetch/test_mirror_archives.py"""

import pytest
from recording_progress import RecordingProgress
from toy_archives import cut, flip, tar_of, zip_of
from toy_sources import remote, tree

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch import fetch, survey
from cxr_fastai.curation.fetch.mirror_archives import look, mirror_tree, verified_tree

GLOB = "cxr/*/*.png"
FILES = {
    "cxr/sick/a.png": b"a" * 4000,
    "cxr/well/b.png": b"b" * 4000,
    "cxr/readme.txt": b"r",
}
NAMES = sorted(FILES)
SOURCE = remote("kaggle", "own/cxr", glob=GLOB, label_from="folder", label_value="sick")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "mirror" / "kaggle" / "own" / "cxr"
    found.mkdir(parents=True)
    return found


def lay(folder, **files):
    "Files into a folder; __ in a name stands for a dot."
    for name, data in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files_of(found):
    return {name: found.file(name).read_bytes() for name in found.files}


def below(top, files=FILES):
    return {f"{top}/{name}": data for name, data in files.items()}


def read(folder, source=SOURCE):
    return mirror_tree(source, look(source, folder))


@pytest.mark.parametrize(
    "name, data",
    [
        ("archive.zip", zip_of(FILES)),
        ("archive (1).zip", zip_of(FILES)),
        ("ARCHIVE.ZIP", zip_of(FILES)),
        ("cxr.tar", tar_of(FILES)),
        ("cxr.tar.gz", tar_of(FILES, "gz")),
        ("cxr.tgz", tar_of(FILES, "gz")),
        ("cxr.tar.xz", tar_of(FILES, "xz")),
        ("file_downloaded", zip_of(FILES)),
        ("one-top-folder.zip", zip_of(below("repo-1f0c"))),
        ("repo-1f0c.tar.gz", tar_of(below("repo-1f0c"), "gz")),
        ("a-zip-that-is-a-tar.zip", tar_of(FILES, "gz")),
    ],
)
def test_an_archive_is_read_as_it_came_and_the_mirror_stays_as_it_was(folder, name, data):
    (folder / name).write_bytes(data)
    before = tree(folder)
    assert files_of(read(folder)) == FILES
    assert tree(folder) == before


def test_a_second_run_unpacks_nothing_again(folder, cache):
    (folder / "archive.zip").write_bytes(zip_of(FILES))
    first = RecordingProgress()
    mirror_tree(SOURCE, look(SOURCE, folder), first)
    (folder / "archive.zip").rename(folder / "renamed.zip")
    second = RecordingProgress()
    found = mirror_tree(SOURCE, look(SOURCE, folder), second)
    assert len(first.meters) == 1 and not second.meters and list(found.files) == NAMES


def test_other_bytes_under_the_same_name_are_read_anew(folder):
    (folder / "archive.zip").write_bytes(zip_of(FILES))
    read(folder)
    changed = {**FILES, "cxr/sick/a.png": b"changed"}
    (folder / "archive.zip").write_bytes(zip_of(changed))
    assert files_of(read(folder)) == changed


def test_an_archive_may_lie_in_place_of_the_folder(folder):
    archive = folder.with_name("cxr.zip")
    archive.write_bytes(zip_of(FILES))
    assert files_of(read(archive)) == FILES
    assert fetch([SOURCE], None, folder.parents[2]).trees["one"].where == str(archive)


def test_several_archives_and_the_files_beside_them_are_one_source(folder):
    lay(folder, list__csv=b"name\n")
    (folder / "1.zip").write_bytes(zip_of({"cxr/sick/a.png": b"1"}))
    (folder / "2.tar").write_bytes(tar_of({"cxr/well/b.png": b"2", "list.csv": b"other\n"}))
    assert files_of(read(folder)) == {
        "cxr/sick/a.png": b"1",
        "cxr/well/b.png": b"2",
        "list.csv": b"name\n",
    }


def test_an_archive_is_unpacked_into_a_folder_of_its_name_where_the_catalogue_has_one(folder):
    source = remote("kaggle", "own/cxr", glob="images_*/images/*.png", table="list*.csv")
    lay(folder, list__csv=b"name\n")
    for number in ("001", "002"):
        data = tar_of({f"images/{number}.png": b"x"}, "gz")
        (folder / f"images_{number}.tar.gz").write_bytes(data)
    assert list(read(folder, source).files) == [
        "images_001/images/001.png",
        "images_002/images/002.png",
        "list.csv",
    ]


def test_the_same_archive_twice_is_read_once(folder):
    for name in ("archive.zip", "archive (1).zip"):
        (folder / name).write_bytes(zip_of(FILES))
    found = read(folder)
    assert list(found.files) == NAMES
    assert found.dropped == (
        ("archive.zip", "duplicate_archive", "the same bytes as archive (1).zip"),
    )


def test_two_archives_that_contradict_each_other_are_refused(folder):
    (folder / "v1.zip").write_bytes(zip_of(FILES))
    (folder / "v2.zip").write_bytes(zip_of({**FILES, "cxr/sick/a.png": b"new"}))
    with pytest.raises(IntegrityError, match=r"v1\.zip and v2\.zip in .* both hold cxr/sick/a.png"):
        read(folder)


def test_files_that_meet_the_glob_go_before_an_archive_which_is_told(folder):
    (folder / "archive.zip").write_bytes(zip_of(FILES))
    (folder / "cxr" / "sick").mkdir(parents=True)
    (folder / "cxr" / "sick" / "mine.png").write_bytes(b"mine")
    progress = RecordingProgress()
    got = fetch([SOURCE], None, folder.parents[2], progress=progress).trees["one"]
    assert [name for name in got.files if name.endswith("png")] == ["cxr/sick/mine.png"]
    assert [row[:2] for row in got.dropped] == [("archive.zip", "archive_beside_files")]
    assert len(progress.lines) == 1 and "archive.zip" in progress.lines[0]


HALF = zip_of(FILES)[:300]
REFUSED = {
    "half a zip": ("archive.zip", HALF, "a download that stopped early"),
    "half a tar.gz": ("a.tar.gz", cut(tar_of(FILES, "gz")), "a download or copy that stopped"),
    "a damaged member": ("a.zip", flip(zip_of(FILES, 0), 200), "checksum does not match"),
    "a 7z": ("a.7z", b"7z\xbc\xaf\x27\x1c" + b"x" * 99, "a 7-Zip archive, but only zip"),
    "a rar": ("a.rar", b"Rar!\x1a\7" + b"x" * 99, "a RAR archive, but only zip"),
    "a page": ("a.zip", b"<html><title>Sign in</title>", "an HTML page that says 'Sign in'"),
    "empty": ("a.zip", b"", "an empty file"),
    "hostile": ("a.zip", zip_of({"../out.png": b"x"}), "leads out of the archive"),
    "nested": ("a.zip", zip_of({"inner.zip": zip_of(FILES)}), "unpack it by hand"),
    "unfinished": ("a.zip.crdownload", HALF, "a download that did not end"),
    "unfinished, torrent": ("a.zip.aria2", b"control", "a download that did not end"),
}


@pytest.mark.parametrize("name, data, words", REFUSED.values(), ids=REFUSED)
def test_an_archive_that_cannot_be_read_is_told_by_check_and_by_fetch_alike(
    folder, cache, name, data, words
):
    (folder / name).write_bytes(data)
    mirror = folder.parents[2]
    checked = survey([SOURCE], mirror)["one"]
    assert checked.state == "unreadable" and words in checked.remedy
    with pytest.raises(IntegrityError, match="one: ") as e:
        fetch([SOURCE], None, mirror)
    assert words in str(e.value) and "\n" not in str(e.value)


def test_a_bad_archive_costs_its_own_source_alone(folder):
    (folder / "a.zip").write_bytes(HALF)
    other = remote("kaggle", "own/other", "two", glob=GLOB)
    place = folder.with_name("other")
    place.mkdir()
    (place / "b.zip").write_bytes(zip_of(FILES))
    got = fetch([SOURCE, other], None, folder.parents[2])
    assert list(got.trees) == ["two"] and list(got.failed) == ["one"]


def test_a_check_reads_all_and_writes_nothing(folder, cache):
    (folder / "archive.zip").write_bytes(zip_of(FILES))
    checked = survey([SOURCE], folder.parents[2])["one"]
    assert checked.state == "here" and "archive.zip, packed" in checked.message
    assert not cache.exists()
    assert list(verified_tree(SOURCE, look(SOURCE, folder)).files) == NAMES


def test_a_check_of_an_archive_without_what_the_catalogue_describes_says_so(folder):
    (folder / "archive.zip").write_bytes(zip_of({"other/x.png": b"x"}))
    checked = survey([SOURCE], folder.parents[2])["one"]
    assert checked.state == "unreadable" and f"no file that meets {GLOB!r}" in checked.remedy


def test_hidden_members_do_not_hide_the_one_top_folder(folder):
    files = {**below("top"), "__MACOSX/top/._a.png": b"x", ".DS_Store": b"x"}
    (folder / "archive.zip").write_bytes(zip_of(files))
    assert list(read(folder).files) == NAMES
