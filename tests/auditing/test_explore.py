"""pytest tests/auditing/test_explore.py: `cxr eda` on folders whose every number is known"""

import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from toy import curated
from toy_cohort import drawn, folder, row
from toy_explored import explored
from toy_sources import tree

from cxr_fastai.auditing.explore import explore
from cxr_fastai.core import IntegrityError, NotCurated, StorageError, UnknownName, UsageError
from cxr_fastai.manifest import read_manifest


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    "(folder, Exploration, where it was written)"
    root, out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("out")
    return *explored(root, out), out


# ---- counts


@pytest.mark.parametrize("key", ["split", "source", "sex", "view"])
def test_counts_equal_those_of_pandas(found, key):
    data, e, _ = found
    want = pd.DataFrame(map(vars, data.rows)).groupby(["label", key]).size()
    got = {(c, v): n for c, x in e.classes.items() for v, n in x[key].items()}
    assert got == want.to_dict() and sum(got.values()) == 48


def test_ages_patients_and_sizes_equal_those_of_pandas(found):
    data, e, _ = found
    rows = pd.DataFrame(map(vars, data.rows)).replace("", np.nan)
    rows = rows.astype({"age": float, "width": float, "height": float})
    five = [0, 0.25, 0.5, 0.75, 1]
    for label, of in rows.groupby("label"):
        x = e.classes[label]
        assert x["ages"]["quantiles"] == pytest.approx(of.age.quantile(five).tolist(), abs=1e-4)
        assert x["ages"]["known"] == of.age.count() == sum(x["ages"]["decades"].values())
        assert x["ages"]["decades"]["10-19"] == of.age.between(10, 19).sum()
        assert x["patients"]["patients"] == of.patient.nunique()
        assert x["patients"]["images"] == of.patient.count()
        aspect = (of.width / of.height).quantile(five).tolist()
        assert x["aspect"]["quantiles"] == pytest.approx(aspect)


def test_brightness_is_the_mean_gray_of_the_pixels(found):
    _, e, _ = found
    for x in e.classes.values():
        one, two = x["brightness"]["by_source"]["one"], x["brightness"]["by_source"]["two"]
        assert 60 < one["quantiles"][0] <= one["quantiles"][4] < 61
        assert 160 < two["quantiles"][0] < 161


def test_radiographs_are_of_train_of_all_sources_and_drawn_by_the_seed(found):
    data, e, _ = found
    of = {r.path: r for r in data.rows}
    for c, shots in e.grid.items():
        assert len(shots) == len({s["path"] for s in shots}) == 8
        assert {of[s["path"]].label for s in shots} == {c}
        assert {s["split"] for s in shots} == {"train"}
        assert Counter(s["source"] for s in shots) == {"one": 4, "two": 4}
    assert explore(data).grid == e.grid != explore(data, seed=1).grid
    valid = explore(data, split="valid").grid
    assert {s["split"] for shots in valid.values() for s in shots} == {"valid"}


def test_sources_that_the_catalogue_does_not_know_are_named(found):
    data, e, _ = found
    strange = explore(data)
    assert not e.notes and "one, two" in strange.notes[0] and "--manifest" in str(strange)


# ---- the command


def test_the_command_writes_what_python_writes_and_leaves_the_folder_alone(tmp_path):
    data = curated(tmp_path / "data")
    before = tree(data)
    e = explore(data, tmp_path / "here", seed=3)
    code = "from cxr_fastai.cli import main; import sys; sys.exit(main())"
    args = [sys.executable, "-c", code, "eda", str(data)]
    args += ["--out", str(tmp_path / "there"), "--seed", "3", "--json"]
    env = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run(args, capture_output=True, text=True, env=env)
    assert done.returncode == 0 and json.loads(done.stdout) == e.to_dict(), done.stderr
    assert tree(tmp_path / "here") == tree(tmp_path / "there")
    assert set(tree(tmp_path / "here")) == {"eda.html", "eda.json"}
    assert tree(data) == before and "eda.html" in done.stderr
    assert json.loads((tmp_path / "here/eda.json").read_text()) == e.to_dict()


def test_an_image_that_cannot_be_read_ends_the_run_and_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    data = drawn([row(phash=str(i)) for i in range(3)], tmp_path / "data")
    (tmp_path / "data" / data.rows[1].path).write_bytes(b"")
    with pytest.raises(IntegrityError, match=f"{data.rows[1].path}.*curate the folder again"):
        explore(data, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "kw,error,said",
    [
        ({"split": "tets"}, UnknownName, "Did you mean 'test'"),
        ({"out": "file/out"}, StorageError, "cannot write file/out"),
        ({"data": "gone"}, NotCurated, "no folder"),
        ({"manifest": "gone.csv"}, UsageError, "cannot read the catalogue"),
    ],
)
def test_bad_input_is_told_before_any_image_is_read(tmp_path, monkeypatch, kw, error, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    data = folder([row()], tmp_path / "data")  # has no image
    with pytest.raises(error, match=said):
        explore(**{"data": data, **kw})


def test_an_empty_split_is_told(tmp_path):
    data = read_manifest(curated(tmp_path / "data", {"normal": (2, 0, 1)}))
    with pytest.raises(UsageError, match="'valid': it has train 2, valid 0, test 1"):
        explore(data, split="valid")
