"""pytest tests/fuzz/test_command_line.py

No verb ends in a traceback, whatever it is given: hypothesis draws arguments and spoils what they name.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import spoiled as draws
from fuzz_settings import fuzz
from hypothesis import given
from hypothesis import strategies as st
from toy_bundles import picture, png

from cxr_fastai import cli
from cxr_fastai.core import UsageError
from cxr_fastai.recipes import SETTINGS, load_recipe

CODES = {0, 1, 2, 3, 4, 5, 130}


@dataclass
class Ended:
    code: int
    out: str
    err: str


def run(argv: list[str]) -> Ended:
    """The verb in this process, with streams as strict as a terminal's."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(argv)
        except SystemExit as e:
            code = e.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Ended(code, *texts)


def check(argv: list[str], folder: Path) -> Ended:
    """Run it there; assert what is promised of every end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ended = run(argv)
    assert ended.code in CODES, ended
    assert "Traceback" not in ended.err + ended.out, ended
    if ended.code and "usage:" not in ended.err:
        told = [line for line in ended.err.split("\n") if line.startswith(f"cxr {argv[0]}:")]
        assert len(told) == 1, ended
    assert not list(folder.rglob("*.part")), ended
    return ended


@pytest.fixture
def case(bounded, tmp_path_factory):
    """Makes a folder a case, which is gone after it."""
    root = tmp_path_factory.mktemp("cases")
    return lambda: tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True)


def flat(parts: list[list[str]]) -> list[str]:
    return [word for part in parts for word in part]


def flags(*choices: str, values=draws.texts | draws.numbers):
    """Some of these flags: `--flag` alone, `--flag=` with a drawn value."""
    bare = [[flag] for flag in choices if not flag.endswith("=")]
    valued = [flag for flag in choices if flag.endswith("=")]
    one = st.sampled_from(bare) if bare else st.nothing()
    if valued:
        one |= st.tuples(st.sampled_from(valued), values).map(lambda pair: ["".join(pair)])
    return st.lists(one, max_size=2).map(flat)


# ---- sources and curate


CURATE = flags(
    "--quick", "--strict", "--json", "--only=", "--seed=", "--workers=", "--layout=", "--on-conflict=", "--recipe=",
    "--engine=",
)  # fmt: skip


@fuzz(40)
@given(st.data())
def test_sources_of_a_spoiled_catalogue(world, case, data):
    columns, rows = draws.rows_of(world.root / "sources" / "catalog.csv")
    with case() as folder:
        folder = Path(folder)
        (folder / "c.csv").write_bytes(data.draw(draws.csv_files(columns, rows)))
        (folder / "mirror").mkdir()
        more = data.draw(flags("--check", "--json", "--pixels", "--only="))
        check(["sources", "--manifest", "c.csv", "--mirror", "mirror", *more], folder)


def curate_check(folder: Path, *more: str) -> Ended:
    argv = ["curate", "--manifest", "c.csv", "--mirror", ".", "--out", "out", "--check", *more]
    ended = check(argv, folder)
    assert not (folder / "out").exists()
    return ended


@fuzz(40)
@given(st.data())
def test_curating_a_spoiled_catalogue(world, case, data):
    columns, rows = draws.rows_of(world.root / "sources" / "catalog.csv")
    with case() as folder:
        folder = world.copy("sources", Path(folder))
        draws.put(folder / "c.csv", data.draw(draws.csv_files(columns, rows)))
        curate_check(folder, *data.draw(CURATE))


@fuzz(30)
@given(st.data())
def test_curating_by_a_spoiled_table_of_labels(world, case, data):
    with case() as folder:
        folder = world.copy("sources", Path(folder))
        (folder / "catalog.csv").rename(folder / "c.csv")
        columns, rows = draws.rows_of(folder / "two" / "labels.csv")
        draws.put(folder / "two" / "labels.csv", data.draw(draws.csv_files(columns, rows)))
        curate_check(folder, "--only", "two", *data.draw(CURATE))


@fuzz(30)
@given(st.data())
def test_curating_by_a_spoiled_recipe(world, case, data):
    record = load_recipe("six_class").to_dict()
    with case() as folder:
        folder = world.copy("sources", Path(folder))
        (folder / "catalog.csv").rename(folder / "c.csv")
        (folder / "r.toml").write_bytes(data.draw(draws.recipe_files(record)))
        curate_check(folder, "--recipe", "r.toml", "--only", "one")


@fuzz(30)
@given(st.data())
def test_curating_a_spoiled_tree(world, case, data):
    with case() as folder:
        folder = world.copy("sources", Path(folder))
        (folder / "catalog.csv").rename(folder / "c.csv")
        draws.spoil_tree(data.draw, folder)
        curate_check(folder, *data.draw(CURATE))


# ---- dedupe


@fuzz(25)
@given(st.data())
def test_dedupe_of_a_spoiled_tree(world, case, data):
    with case() as folder:
        folder = world.copy("sources", Path(folder))
        draws.spoil_tree(data.draw, folder)
        places = data.draw(
            st.lists(
                st.sampled_from(("one", "two", "gone", "catalog.csv")) | draws.names,
                min_size=1,
                max_size=2,
            )
        )
        more = data.draw(flags("--json", "--against=", "--engine=", "--out=", "--workers="))
        check(["dedupe", "--workers=1", *more, "--", *places], folder)


# ---- a curated folder


@fuzz(50)
@given(st.data())
def test_checking_and_exploring_a_spoiled_folder(world, case, data):
    with case() as folder:
        place = world.copy("data", Path(folder))
        draws.spoil_curated(data.draw, place)
        check(["sources", "--check", "--pixels", "--manifest", "data"], Path(folder))
        more = data.draw(flags("--json", "--split=", "--seed=", "--out=", "--manifest="))
        check(["eda", "data", *more], Path(folder))


# ---- train


@pytest.fixture
def undecoded(monkeypatch):
    """Training ends where decoding would begin."""

    def stop(*args, **settings):
        raise UsageError("decoding would begin here")

    monkeypatch.setattr("cxr_fastai.training.run.build_dataloaders", stop)


TRAIN = flags(
    "--resume", "--allow-missing-classes", "--json", "--recipe=", "--seed=", "--workers=", "--beside=", "--track=",
    *(f"--{name.replace('_', '-')}=" for name in SETTINGS),
)  # fmt: skip


@fuzz(40)
@given(st.data())
def test_training_with_wrong_settings_or_on_a_spoiled_folder(world, case, undecoded, data):
    with case() as folder:
        place = world.copy("data", Path(folder))
        if data.draw(st.booleans()):
            draws.spoil_curated(data.draw, place)
        out = data.draw(
            st.sampled_from(("run", "run", "data", "data/manifest.csv", "")) | draws.names
        )
        ended = check(["train", "data", f"--out={out}", *data.draw(TRAIN)], Path(folder))
        assert ended.code


# ---- evaluate and predict


@fuzz(25)
@given(st.data())
def test_evaluating_a_spoiled_bundle_or_folder(world, case, data):
    with case() as folder:
        place = world.copy("data", Path(folder))
        bundle = world.copy("bundle", Path(folder))
        if data.draw(st.booleans()):
            draws.spoil_curated(data.draw, place)
        else:
            draws.spoil_bundle(data.draw, bundle)
        more = data.draw(flags("--json", "--split=", "--seed=", "--beside=", "--resamples="))
        check(["evaluate", "bundle", "data", "--resamples=3", *more], Path(folder))


@fuzz(40)
@given(st.data())
def test_predicting_with_a_spoiled_bundle(world, case, data):
    with case() as folder:
        bundle = world.copy("bundle", Path(folder))
        draws.spoil_bundle(data.draw, bundle)
        (Path(folder) / "a.png").write_bytes(png(picture()))
        given = data.draw(st.sampled_from(("bundle", "bundle,bundle", "bundle,gone", "bundle,")))
        more = data.draw(flags("--json", "--worklist", "--tta", "--csv=", "--out="))
        check(["predict", given, "a.png", *more], Path(folder))


@fuzz(40)
@given(st.data())
def test_predicting_spoiled_images(world, case, data):
    with case() as folder:
        world.copy("bundle", Path(folder))
        place = world.copy("data", Path(folder))
        draws.spoil_tree(data.draw, place)
        (place / "b.png").write_bytes(data.draw(draws.bent_bytes(png(picture()))))
        paths = data.draw(
            st.lists(
                st.sampled_from(("data", "data/b.png", "gone")) | draws.names,
                min_size=1,
                max_size=2,
            )
        )
        more = data.draw(flags("--json", "--csv=", "--out="))
        check(["predict", "bundle", *more, "--", *paths], Path(folder))


# ---- any words


VERBS = ("demo", "sources", "curate", "dedupe", "eda", "train", "evaluate", "predict", "export")


@fuzz(30)
@given(
    verb=st.sampled_from(VERBS),
    words=st.lists(draws.names | draws.numbers, max_size=3),
    out=draws.names,
)
def test_any_words_at_any_verb(bounded, undecoded, case, verb, words, out):
    with case() as folder:
        (Path(folder) / "file").write_bytes(b"x")
        out = f"file/{out}"
        more = {"demo": ["--out", out], "curate": ["--out", out]}.get(verb, [])
        check([verb, *more, "--", *words], Path(folder))
