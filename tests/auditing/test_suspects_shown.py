"""pytest tests/auditing/test_suspects_shown.py

Labels to look at: on the page, in the csv, and by a trained model of test films alone.
"""

import csv
from dataclasses import replace

import numpy as np
import pytest
from toy_audits import drawn_folder

from cxr_fastai.auditing.ask_folder import ask_folder, write_audit
from cxr_fastai.auditing.model_asked import ModelSide
from cxr_fastai.auditing.suspects_shown import MAX_SHOWN, show_suspects, suspects_of_model
from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes.shortcuts import targets_of


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_manifest(drawn_folder(tmp_path_factory.mktemp("audit") / "data", test=80))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def model_of(data, risk):
    rows = [row for row in data.rows if row.split == "test"]
    return ModelSide(
        name="toy",
        rows=rows,
        targets=targets_of(data, rows),
        scores={"ill": risk, "well": 1 - risk},
        answers=np.array(["ill"] * len(rows)),
        embeddings=np.zeros((len(rows), 1)),
        ask=lambda change, chosen: ({}, np.array([])),
        floor="none",
    )


def test_a_model_names_the_test_labels_that_it_contradicts(data):
    rows = [row for row in data.rows if row.split == "test"]
    risk = np.array([0.9 if row.label == "ill" else 0.2 for row in rows])
    risk[[3, 7]] = 1 - risk[[3, 7]]
    found = suspects_of_model(model_of(data, risk))
    assert {each.path for each in found.listed} == {rows[3].path, rows[7].path}
    assert {each.split for each in found.listed} == {"test"} and found.asked == len(rows)
    assert "toy, of the test films, which it never saw" in found.says


def test_scores_that_are_no_probabilities_name_none(data):
    rows = [row for row in data.rows if row.split == "test"]
    model = model_of(data, np.linspace(0, 1, len(rows)))
    assert (
        suspects_of_model(
            replace(model, scores={"ill": -np.ones(len(rows)), "well": np.ones(len(rows))})
        )
        is None
    )
    assert suspects_of_model(replace(model, scores={"ill": np.ones(len(rows))})) is None


def test_the_first_are_shown_with_what_is_said_of_each(data):
    rows = [row for row in data.rows if row.split == "test"]
    found = suspects_of_model(model_of(data, np.array([float(row.label != "ill") for row in rows])))
    shown = show_suspects(found, data.root, rows)
    assert len(found.listed) > MAX_SHOWN == len(shown.shots)
    first = shown.shots[0]
    assert first.thumb.uri.startswith("data:image/jpeg") and first.path == found.listed[0].path
    assert first.badge == "rather well?" and first.label == "labelled ill"


def test_the_audit_lists_them_on_the_page_in_words_and_as_a_csv(tmp_path):
    manifest = read_manifest(drawn_folder(tmp_path / "data"))
    audit = ask_folder(manifest)
    write_audit(audit, tmp_path / "out")
    page = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    with open(tmp_path / "out/suspects.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    [shown] = audit.suspects
    assert len(rows) == len(shown.found.listed) > 0
    assert page.count("the label&#39;s share") == min(len(rows), MAX_SHOWN)
    assert 'id="suspects"' in page and "suspects.csv" in page
    assert f"of {shown.found.asked}, by" in " ".join(str(audit).split())
    assert audit.to_dict()["suspects"][0]["asked"] == shown.found.asked == 160
