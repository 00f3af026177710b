"""pytest tests/fuzz/test_python_face.py

What a notebook calls raises a CxrError, or returns: hypothesis spoils what is read and draws what is given.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import spoiled as draws
from fuzz_settings import fuzz
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from toy_bundles import META, picture, png

from cxr_fastai import (
    CxrError,
    curate,
    evaluate,
    find_duplicates,
    load_bundle,
    load_recipe,
    read_manifest,
)
from cxr_fastai.bundle.meta import check_meta, complete, upgraded
from cxr_fastai.catalog import load_catalog
from cxr_fastai.images import NOTES, decode, read
from cxr_fastai.manifest import check_manifest
from cxr_fastai.recipes import Recipe


@pytest.fixture
def case(bounded, tmp_path_factory):
    """Makes a folder a case, which is gone after it."""
    root = tmp_path_factory.mktemp("cases")
    return lambda: tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True)


def said(function, *args, **named) -> str:
    """What a call raises for people, one line; empty where it returns. Any other error fails the test."""
    try:
        function(*args, **named)
    except CxrError as e:
        assert str(e).strip(), type(e)
        return str(e)
    return ""


# ---- pictures

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")


def encoded(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, kind)
    return out.getvalue()


ENCODED = {kind: encoded(kind) for kind in FORMATS}


@fuzz(60)
@given(st.data())
def test_decoding_spoiled_bytes(data):
    spoiled = data.draw(draws.bent_bytes(ENCODED[data.draw(st.sampled_from(FORMATS))]))
    if not said(decode, spoiled):
        found = read(spoiled)
        assert (
            found.pixels.dtype == np.uint8
            and found.pixels.ndim == 2
            and set(found.notes) <= set(NOTES)
        )


DTYPES = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="=")
    | arrays.unsigned_integer_dtypes(endianness="=")
    | arrays.floating_dtypes()
    | arrays.complex_number_dtypes()
    | arrays.datetime64_dtypes()
    | arrays.unicode_string_dtypes(max_len=3)
    | st.just(np.dtype(object))
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=24)


@fuzz(40)
@given(st.data())
def test_decoding_any_array(data):
    dtype = data.draw(DTYPES)
    shape = data.draw(SHAPES)
    values = None if dtype.kind != "O" else st.none() | st.integers() | st.text(max_size=2)
    array = data.draw(arrays.arrays(dtype, shape, elements=values))
    if not said(decode, array):
        assert decode(array).shape == array.shape[:2]


@fuzz(30)
@given(st.data())
def test_a_bundle_answers_anything(world, bounded, data):
    bundle = load_bundle(world.root / "bundle", "cpu")
    odd = (
        draws.names
        | st.binary(max_size=20)
        | draws.bent_bytes(png(picture()))
        | st.none()
        | st.integers()
    )
    array = arrays.arrays(data.draw(DTYPES), data.draw(SHAPES))
    asked = data.draw(odd | array)
    if not said(bundle.predict, asked):
        assert set(bundle.predict(asked).probs) == set(bundle.vocab)


# ---- recipes, catalogues


@fuzz(40)
@given(st.data())
def test_a_recipe_of_any_record_or_file(case, data):
    record = load_recipe(data.draw(st.sampled_from(("six_class", "nih14", "triage")))).to_dict()
    spoiled = data.draw(draws.spoiled_record(record) | draws.values)
    from_record = said(Recipe.from_dict, spoiled, "r.toml")
    assert from_record or json.dumps(Recipe.from_dict(spoiled, "r.toml").to_dict(), allow_nan=False)
    with case() as folder:
        file = Path(folder) / "r.toml"
        file.write_bytes(data.draw(draws.recipe_files(record)))
        said(load_recipe, file)
    assert said(load_recipe, data.draw(draws.names))


@pytest.mark.parametrize("name", ["six_class", "nih14", "triage"])
def test_each_odd_value_at_each_place_of_a_recipe(name):
    for place, record in draws.each_spoiled(load_recipe(name).to_dict()):
        if not said(Recipe.from_dict, record, "r.toml"):
            text = json.dumps(Recipe.from_dict(record, "r.toml").to_dict(), allow_nan=False)
            assert text, place


def test_each_odd_value_at_each_place_of_a_bundle():
    for place, record in draws.each_spoiled(complete(META, "0" * 64)):
        if not said(check_meta, upgraded(record), "bundle.json"):
            assert record["vocab"], place


@fuzz(30)
@given(st.data())
def test_a_catalogue_of_any_table(world, case, data):
    with case() as folder:
        file = Path(folder) / "c.csv"
        file.write_bytes(
            data.draw(draws.csv_files(*draws.rows_of(world.root / "sources" / "catalog.csv")))
        )
        assert said(load_catalog, file) or load_catalog(file)


# ---- folders


@fuzz(50)
@given(st.data())
def test_reading_checking_and_evaluating_a_spoiled_folder(world, case, data):
    with case() as folder:
        place = world.copy("data", Path(folder))
        draws.spoil_curated(data.draw, place)
        refused = said(read_manifest, place)
        faults = check_manifest(place)
        assert not refused or faults
        bundle = load_bundle(world.root / "bundle", "cpu")
        said(evaluate, bundle, place, resamples=3)


@fuzz(40)
@given(st.data())
def test_loading_a_spoiled_bundle(world, case, data):
    with case() as folder:
        place = world.copy("bundle", Path(folder))
        draws.spoil_bundle(data.draw, place)
        if not said(
            load_bundle, place, data.draw(st.none() | st.sampled_from(("cpu", "cuda:99", "x")))
        ):
            said(load_bundle(place, "cpu").predict, picture())


@fuzz(20)
@given(st.data())
def test_copies_and_curation_of_a_spoiled_tree(world, case, data):
    with case() as folder:
        place = world.copy("sources", Path(folder))
        draws.spoil_tree(data.draw, place)
        said(find_duplicates, [place / "one", place / "two"], workers=1)
        asked = dict(manifest=place / "catalog.csv", mirror=place, check=True, workers=1)
        said(curate, Path(folder) / "out", **asked)
        assert not (Path(folder) / "out").exists()


@fuzz(20)
@given(name=draws.names)
def test_a_name_that_nothing_has(world, bounded, name):
    named = f"no such/{name}"
    for function in (
        load_catalog,
        load_recipe,
        read_manifest,
        load_bundle,
        find_duplicates,
        decode,
    ):
        assert said(function, named)
    assert check_manifest(named)
    for argument in ("recipe", "manifest", "mirror"):
        assert said(curate, "out", check=True, **{argument: named})


LOCKED = {
    "catalog.csv": lambda root: load_catalog(root / "sources" / "catalog.csv"),
    "labels.csv": lambda root: curate(
        root / "out",
        manifest=root / "sources" / "catalog.csv",
        mirror=root / "sources",
        only=["two"],
        check=True,
        workers=1,
    ),
    "r.toml": lambda root: load_recipe(root / "r.toml"),
    "manifest.csv": lambda root: read_manifest(root / "data"),
    "curation.json": lambda root: read_manifest(root / "data"),
    "bundle.json": lambda root: load_bundle(root / "bundle"),
    "model.safetensors": lambda root: load_bundle(root / "bundle"),
}


@pytest.mark.parametrize("name", LOCKED)
@pytest.mark.parametrize("where", ["open", "stat"])
def test_a_file_that_may_not_be_read_is_a_line(world, case, monkeypatch, name, where):
    """Root reads everything: the refusal is made here."""
    denied = PermissionError(13, "Permission denied")
    true = {"open": io.open, "stat": os.stat}[where]

    def refuse(path, *args, **named):
        if str(path).endswith(name):
            raise denied
        return true(path, *args, **named)

    with case() as folder:
        root = Path(folder)
        for part in ("sources", "data", "bundle"):
            world.copy(part, root)
        (root / "r.toml").write_text("x")
        monkeypatch.setattr({"open": io, "stat": os}[where], where, refuse)
        told = said(LOCKED[name], root)
        monkeypatch.undo()
    assert where == "stat" or "Permission denied" in told
