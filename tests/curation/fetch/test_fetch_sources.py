"""pytest tests/curation/fetch/test_fetch_sources.py

From the servers to the curated folder: Kaggle's real client and real downloads, against a loopback endpoint."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import FrozenInstanceError

import pytest
from kaggle_endpoint import KEY, SECRETS, SIGNATURE, USER, Endpoint
from recording_progress import RecordingProgress
from toy_sources import put, read_rows, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import IntegrityError, SourceUnavailable, StorageError, sha256_file
from cxr_fastai.curation.fetch import fetch, fetch_one
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.manifest import read_manifest

COMMIT = "5" * 40


def images(tmp_path, name, first, n=12):
    "relative path -> bytes of n images in two folders."
    files = [
        put(tmp_path / "raw" / name / ("norm" if i % 2 else "tb") / f"{i}.png", first + i)
        for i in range(n)
    ]
    return {f.relative_to(tmp_path / "raw" / name).as_posix(): f.read_bytes() for f in files}


def zipped(files: dict, top="") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in sorted(files.items()):
            z.writestr(zipfile.ZipInfo(top + path), data)
    return out.getvalue()


def tarred(files: dict) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def rows(name, **cells):
    return [
        rule(name, label_value="norm", findings="no_finding", glob="**/*.png", **cells),
        rule(name, first=False, label_value="tb", findings="tuberculosis"),
    ]


@pytest.fixture
def world(tmp_path, monkeypatch):
    "Kaggle, GitHub and a web server with a source each, and a catalogue that names them."
    files = {k: images(tmp_path, k, 100 * i) for i, k in enumerate(("kag", "git", "web"), 1)}
    with Endpoint(
        {"own/cxr": {6: zipped(files["kag"]), 7: zipped({**files["kag"], **files["git"]})}}
    ) as e:
        for k, v in {
            **e.kaggle_env(tmp_path, KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY),
            **e.github_env(
                HTTP_PROXY=e.url,
                http_proxy=e.url,
                KAGGLE_USERNAME=USER,
                KAGGLE_KEY=KEY,
                NO_PROXY="127.0.0.1",
                no_proxy="127.0.0.1",
            ),
            "CXR_CACHE": str(tmp_path / "cache"),
        }.items():
            monkeypatch.delenv(k, raising=False) if v is None else monkeypatch.setenv(k, v)
        e.files = {
            "/api/repos/own/git/commits/HEAD": COMMIT.encode(),
            f"/own/git/archive/{COMMIT}.zip": zipped(files["git"], f"git-{COMMIT}/"),
            "/web.tar.gz": tarred(files["web"]),
        }
        e.raw = files
        e.catalog = write_catalog(
            tmp_path / "c.csv",
            *rows("kag", transport="kaggle", handle="own/cxr@6"),
            *rows("git", transport="github", handle="own/git", redistribute="no"),
            *rows("web", transport="http", handle="web", download=f"{e.url}/web.tar.gz"),
        )
        yield e


def lock(out):
    return json.loads((out / "sources.lock.json").read_text())["sources"]


def test_sources_arrive_from_kaggle_github_and_the_web_and_are_recorded(world, tmp_path):
    done = curate(tmp_path / "out", manifest=world.catalog, workers=2)
    assert len(done.records) == 36 and not done.incomplete
    by = {(r.source, r.original_path): r.sha256 for r in read_manifest(tmp_path / "out").rows}
    want = {(s, p) for s in ("kag", "git", "web") for p in world.raw[s]}
    assert set(by) == want
    got = lock(tmp_path / "out")
    assert (got["kag"]["version"], got["git"]["version"], got["web"]["version"]) == (
        "6",
        COMMIT,
        "",
    )
    assert got["web"]["parts"][0]["size"] == len(world.files["/web.tar.gz"])
    assert not [
        f for f in (tmp_path / "cache" / "downloads").iterdir() if not f.name.endswith(".lock")
    ]
    assert "may be shared" in (tmp_path / "out" / "README.md").read_text()


def test_a_second_run_and_another_folder_ask_no_server(world, tmp_path):
    curate(tmp_path / "out", manifest=world.catalog, workers=1)
    asked = len(world.seen)
    assert curate(tmp_path / "out", manifest=world.catalog, workers=1).written == 0
    curate(tmp_path / "other", manifest=world.catalog, workers=1)
    assert len(world.seen) == asked and lock(tmp_path / "other") == lock(tmp_path / "out")


def test_a_source_that_fails_leaves_the_others_and_marks_the_folder_incomplete(world, tmp_path):
    world.say("DownloadDataset", (403,), (403,))
    world.files["/web.tar.gz"] = b"<!doctype html><title>Please sign in</title>"
    done = curate(tmp_path / "out", manifest=world.catalog, workers=1)
    assert {r.source for r in done.records} == {"git"} and set(done.incomplete) == {"kag", "web"}
    assert "https://www.kaggle.com/datasets/own/cxr" in str(done.failed["kag"])
    assert "Please sign in" in str(done.failed["web"])
    assert (tmp_path / "out" / "README.md").read_text().count("INCOMPLETE") == 1
    assert set(done.to_dict()["incomplete"]) == {"kag", "web"}


def test_strict_stops_before_the_first_byte(world, tmp_path):
    world.say("DownloadDataset", (403,), (403,))
    with pytest.raises(SourceUnavailable, match="^kag: "):
        curate(tmp_path / "out", manifest=world.catalog, strict=True)
    assert not (tmp_path / "out").exists() and not [
        s for s in world.seen if s.method == "GET" and "tar" in s.call
    ]


def test_bytes_that_differ_from_the_lock_file_stop_the_run_with_both_values(world, tmp_path):
    curate(tmp_path / "out", manifest=world.catalog, workers=1)
    old = lock(tmp_path / "out")["web"]["parts"][0]["sha256"]
    world.files["/web.tar.gz"] = tarred(images(tmp_path, "new", 900))
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(IntegrityError) as e:
        curate(tmp_path / "out", manifest=world.catalog, workers=1)
    assert e.value.exit_code == 4 and old in str(e.value) and "--update-pins" in str(e.value)
    new = sha256_file(next((tmp_path / "cache" / "downloads").glob("*.corrupt")))
    assert new in str(e.value) and lock(tmp_path / "out")["web"]["parts"][0]["sha256"] == old
    done = curate(tmp_path / "out", manifest=world.catalog, workers=1, update_pins=True)
    assert lock(tmp_path / "out")["web"]["parts"][0]["sha256"] == new and len(done.records) == 36


def test_a_pin_of_the_catalogue_that_does_not_fit_is_a_failure_of_that_source(world, tmp_path):
    c = write_catalog(
        tmp_path / "c2.csv",
        *rows("kag", transport="kaggle", handle="own/cxr@6"),
        *rows(
            "web", transport="http", handle="web", download=f"{world.url}/web.tar.gz", pin="0" * 64
        ),
    )
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert set(done.incomplete) == {"web"} and "0" * 64 in str(done.failed["web"])


def test_an_archive_that_is_damaged_costs_its_source_only(world, tmp_path):
    world.files["/web.tar.gz"] = world.files["/web.tar.gz"][:700]
    done = curate(tmp_path / "out", manifest=world.catalog, workers=1)
    assert set(done.incomplete) == {"web"} and {r.source for r in done.records} == {"kag", "git"}


def test_what_an_archive_should_not_hold_is_listed_among_the_rejects(world, tmp_path):
    nested = zipped(
        {**world.raw["web"], "__MACOSX/._1.png": b"x", "tb/tb/0.png": world.raw["web"]["tb/0.png"]}
    )
    world.files["/web.zip"] = nested
    c = write_catalog(
        tmp_path / "c2.csv",
        *rows("web", transport="http", handle="web", download=f"{world.url}/web.zip"),
    )
    done = curate(tmp_path / "out", manifest=c, workers=1)
    bad = {r["path"]: r["reason"] for r in read_rows(tmp_path / "out" / "rejects.csv")}
    assert (
        bad == {"__MACOSX/._1.png": "junk", "tb/tb/0.png": "nested_copy"}
        and len(done.records) == 12
    )


def test_a_kill_while_an_archive_is_unpacked_costs_no_second_download(world, tmp_path, monkeypatch):
    c = write_catalog(
        tmp_path / "c2.csv",
        *rows("web", transport="http", handle="web", download=f"{world.url}/web.tar.gz"),
    )

    def killed(*args, **kw):
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(fetch_one, "unpack", killed)
        with pytest.raises(KeyboardInterrupt):
            curate(tmp_path / "out", manifest=c, workers=1)
    assert len(curate(tmp_path / "out", manifest=c, workers=1).records) == 12
    assert [s.method for s in world.calls("/web.tar.gz")].count("GET") == 1
    assert not [
        f for f in (tmp_path / "cache" / "downloads").iterdir() if not f.name.endswith(".lock")
    ]


def test_another_version_in_the_catalogue_is_fetched_and_replaces_the_lock_entry(world, tmp_path):
    curate(tmp_path / "out", manifest=world.catalog, workers=1, only=["kag"])
    c = write_catalog(tmp_path / "c.csv", *rows("kag", transport="kaggle", handle="own/cxr@7"))
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert lock(tmp_path / "out")["kag"]["version"] == "7"
    assert {r.sha256 for r in done.records} == {
        hashlib.sha256(b).hexdigest() for b in world.raw["git"].values()
    }


@pytest.mark.parametrize("harm", ['path,sha256\n"torn', "path,size\na.png,1\n", ""])
def test_a_damaged_index_or_a_lost_blob_is_fetched_again(world, tmp_path, harm):
    curate(tmp_path / "out", manifest=world.catalog, workers=1, only=["web"])
    index = next((tmp_path / "cache" / "trees").glob("*.csv"))
    if harm:
        index.write_text(harm)
    else:
        next((tmp_path / "cache" / "blobs").rglob("*/*")).unlink()
    shutil.rmtree(tmp_path / "out" / "normal")
    assert (
        len(curate(tmp_path / "out", manifest=world.catalog, workers=1, only=["web"]).records) == 12
    )


def test_a_source_whose_files_are_not_as_the_catalogue_says_leaves_the_others(world, tmp_path):
    world.files["/web.tar.gz"] = tarred({"elsewhere/readme.txt": b"moved"})
    done = curate(tmp_path / "out", manifest=world.catalog, workers=1)
    assert set(done.incomplete) == {"web"} and "meets the glob" in str(done.failed["web"])
    with pytest.raises(IntegrityError, match="meets the glob"):
        curate(tmp_path / "out2", manifest=world.catalog, workers=1, strict=True)


def test_a_refusal_while_the_download_begins_is_one_line_also_where_the_source_was_named(
    world, tmp_path
):
    link = f"{world.url}/storage/own/cxr/6.zip?X-Goog-Signature={SIGNATURE}"
    world.say("DownloadDataset", (302, {"Location": link}), (403,))
    with pytest.raises(SourceUnavailable, match="^kag: .*own/cxr") as e:
        curate(tmp_path / "out", manifest=world.catalog, workers=1, only=["kag"])
    assert e.value.exit_code == 3


def test_too_little_room_is_told_before_the_first_byte(world, tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(StorageError, match="are needed.*CXR_CACHE"):
        curate(tmp_path / "out", manifest=world.catalog)
    assert not [s for s in world.seen if s.method == "GET" and "tar" in s.call]


def test_a_lock_file_that_is_none_is_named(world, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sources.lock.json").write_text('{"sources": {"web": 3}}')
    with pytest.raises(IntegrityError, match="sources.lock.json: no lock file"):
        curate(tmp_path / "out", manifest=world.catalog)


def test_with_a_mirror_nothing_is_downloaded(world, tmp_path):
    (tmp_path / "mirror" / "http" / "web").mkdir(parents=True)
    for p, data in world.raw["web"].items():
        (tmp_path / "mirror" / "http" / "web" / p).parent.mkdir(exist_ok=True)
        (tmp_path / "mirror" / "http" / "web" / p).write_bytes(data)
    done = curate(tmp_path / "out", manifest=world.catalog, mirror=tmp_path / "mirror", workers=1)
    assert (
        not world.seen
        and set(done.incomplete) == {"kag", "git"}
        and not (tmp_path / "out/sources.lock.json").exists()
    )


def cxr(*args, cwd):
    run = subprocess.run(
        [sys.executable, "-m", "cxr_fastai", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert (
        not [s for s in SECRETS if s in run.stdout + run.stderr] and "Traceback" not in run.stderr
    )
    return run


def test_sources_check_tells_for_all_at_once_what_is_missing(world, tmp_path):
    assert cxr("sources", "--check", "--manifest", world.catalog, cwd=tmp_path).returncode == 0
    world.say("DownloadDataset", (403,))
    world.say("/api/repos/own/git/commits/HEAD", (404,))
    got = cxr("sources", "--check", "--manifest", world.catalog, cwd=tmp_path)
    assert got.returncode == 3 and "kag, git" in got.stderr
    assert "forbidden" in got.stdout and "https://www.kaggle.com/datasets/own/cxr" in got.stdout
    assert (
        "moved" in got.stdout
        and "ready" in got.stdout
        and "share: whether its images may be shared on" in got.stdout
    )
    data = json.loads(
        cxr("sources", "--check", "--manifest", world.catalog, "--json", cwd=tmp_path).stdout
    )
    assert [(d["source"], d["state"]) for d in data] == [
        ("kag", "ready"),
        ("git", "ready"),
        ("web", "ready"),
    ]
    assert data[2]["size"] == len(world.files["/web.tar.gz"])


def test_a_missing_token_is_told_with_the_ways_to_sign_in(world, tmp_path, monkeypatch):
    for k in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(k)
    got = cxr("sources", "--check", "--manifest", world.catalog, cwd=tmp_path)
    assert got.returncode == 3 and "sign_in" in got.stdout and "KAGGLE_API_TOKEN" in got.stdout
    assert "kaggle.json" in got.stdout and "https://www.kaggle.com/settings" in got.stdout
    got = cxr("curate", "--manifest", world.catalog, "--out", "o", "--strict", cwd=tmp_path)
    assert got.returncode == 3 and got.stderr.count("\n") == 1 and "KAGGLE_API_TOKEN" in got.stderr


def test_the_command_line_downloads_curates_and_shows_sizes(world, tmp_path):
    got = cxr("curate", "--manifest", world.catalog, "--out", "out", "--json", cwd=tmp_path)
    assert got.returncode == 0 and json.loads(got.stdout)["images"] == 36
    assert "kag: cxr.zip" in got.stderr and "kB/s" in got.stderr


def test_a_curated_folder_is_checked_and_the_wrong_row_and_column_named(world, tmp_path):
    curate(tmp_path / "out", manifest=world.catalog, workers=1)
    assert cxr("sources", "--check", "--manifest", "out", cwd=tmp_path).returncode == 0
    text = (tmp_path / "out" / "manifest.csv").read_text().split("\n")
    text[3] = (
        text[3]
        .replace(",train,", ",trian,")
        .replace(",test,", ",trian,")
        .replace(",valid,", ",trian,")
    )
    (tmp_path / "out" / "manifest.csv").write_text("\n".join(text))
    os.unlink(tmp_path / "out" / text[5].split(",")[0])
    got = cxr("sources", "--check", "--manifest", "out", cwd=tmp_path)
    assert got.returncode == 2 and "row 4" in got.stdout and "'trian'" in got.stdout
    assert "row 6, column path: no file" in got.stdout


# ---- what kagglehub or a Kaggle notebook holds


def at_kagglehub(tmp_path, monkeypatch, files, version, whole=True):
    "kagglehub's cache with a version of own/cxr."
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    write_files(tmp_path / "hub/datasets/own/cxr/versions" / version, files)
    if whole:
        (tmp_path / f"hub/datasets/own/cxr/{version}.complete").touch()
    return tmp_path / "hub/datasets/own/cxr/versions" / version


def write_files(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def sources_of(world, *names):
    catalog = load_catalog(world.catalog)
    return [catalog[name] for name in names]


def test_what_kagglehub_downloaded_is_used_instead_of_a_download_and_told_in_a_line(
    world, tmp_path, monkeypatch
):
    folder = at_kagglehub(tmp_path, monkeypatch, world.raw["kag"], "6")
    progress = RecordingProgress()
    got = fetch(sources_of(world, "kag"), tmp_path / "out", progress=progress)
    assert not world.seen and not got.failed and got.versions == {}
    assert set(got.trees["kag"].files) == set(world.raw["kag"])
    assert progress.lines == [f"kag: taken from {folder} (version 6), not downloaded"]
    assert not (tmp_path / "out").exists()


def test_a_folder_is_curated_from_kagglehubs_cache_given_as_the_mirror(
    world, tmp_path, monkeypatch
):
    at_kagglehub(tmp_path, monkeypatch, world.raw["kag"], "6")
    monkeypatch.delenv("KAGGLEHUB_CACHE")
    done = curate(
        tmp_path / "out", manifest=world.catalog, mirror=tmp_path / "hub", only=["kag"], workers=1
    )
    assert len(done.records) == 12 and not world.seen


def test_a_pinned_version_that_kagglehub_lacks_is_downloaded(world, tmp_path, monkeypatch):
    at_kagglehub(tmp_path, monkeypatch, world.raw["git"], "7")
    got = fetch(sources_of(world, "kag"), None)
    assert got.versions["kag"]["version"] == "6" and len(world.calls("DownloadDataset")) == 2
    assert set(got.trees["kag"].files) == set(world.raw["kag"])


def test_a_version_that_kagglehub_has_not_finished_is_downloaded(world, tmp_path, monkeypatch):
    at_kagglehub(tmp_path, monkeypatch, {"tb/0.png": b"half"}, "6", whole=False)
    got = fetch(sources_of(world, "kag"), None)
    assert set(got.trees["kag"].files) == set(world.raw["kag"])
    with pytest.raises(SourceUnavailable, match="kag is not in .*hub"):
        fetch(sources_of(world, "kag"), None, mirror=tmp_path / "hub")


def test_what_was_downloaded_before_goes_before_kagglehub_and_keeps_its_lock_entry(
    world, tmp_path, monkeypatch
):
    fetch(sources_of(world, "kag"), tmp_path / "out")
    at_kagglehub(tmp_path, monkeypatch, world.raw["git"], "6")
    got = fetch(sources_of(world, "kag"), tmp_path / "other")
    assert lock(tmp_path / "other") == lock(tmp_path / "out")
    assert set(got.trees["kag"].files) == set(world.raw["kag"])


def test_the_version_of_the_lock_file_is_the_one_that_is_looked_for(world, tmp_path, monkeypatch):
    c = write_catalog(tmp_path / "c.csv", *rows("kag", transport="kaggle", handle="own/cxr"))
    source = load_catalog(c)["kag"]
    fetch([source], tmp_path / "out")
    shutil.rmtree(tmp_path / "cache")
    at_kagglehub(tmp_path, monkeypatch, world.raw["web"], "8")
    world.seen.clear()
    assert fetch([source], tmp_path / "out").versions["kag"]["version"] == "7" and world.seen
    shutil.rmtree(tmp_path / "cache")
    newest = fetch([source], tmp_path / "out", update_pins=True)
    assert set(newest.trees["kag"].files) == set(world.raw["web"])


def test_what_a_notebook_mounts_is_used_and_its_unknown_version_told(world, tmp_path, monkeypatch):
    monkeypatch.setattr("cxr_fastai.curation.fetch.mirrors.KAGGLE_INPUT", tmp_path / "input")
    folder = write_files(tmp_path / "input" / "cxr", world.raw["kag"])
    progress = RecordingProgress()
    got = fetch(sources_of(world, "kag", "web"), None, progress=progress)
    assert set(got.trees) == {"kag", "web"} and not world.calls("DownloadDataset")
    assert progress.lines == [
        f"kag: taken from {folder} (whether in version 6 is not told there), not downloaded"
    ]


# ---- what is returned


def test_failures_are_returned_and_nobody_writes_into_them(world):
    world.say("DownloadDataset", (403,), (403,))
    got = fetch(sources_of(world, "kag", "web"), None)
    assert list(got.failed) == ["kag"] and list(got.trees) == ["web"] == list(got.versions)
    with pytest.raises(FrozenInstanceError):
        got.failed = {}


def test_where_nothing_can_be_had_the_first_failure_is_raised_with_the_number_of_others(world):
    world.say("DownloadDataset", *[(403,)] * 9)
    world.files.clear()
    with pytest.raises(SourceUnavailable, match=r"^kag: .*\(and 2 other sources: cxr sources"):
        fetch(sources_of(world, "kag", "git", "web"), None)
