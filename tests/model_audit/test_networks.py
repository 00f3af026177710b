"""pytest tests/model_audit/test_networks.py: which films each network learns from and is scored on"""

import numpy as np
import pytest
from toy_audits import drawn_folder

from cxr_fastai.manifest import read_manifest
from cxr_fastai.model_audit.networks import (
    LOSO,
    POOLED,
    Trained,
    leave_sources_out,
    trained_films,
    without_source,
)
from cxr_fastai.probes.sources import Unseen
from cxr_fastai.probes.verdict import Verdict

CLASSES = {"ill": ["tuberculosis"], "well": ["no_finding"], "rare": ["mass"]}
N = 300


def source_of(i):
    return "north" if i % 4 < 2 else "south"


def label_of(i):
    if i % 12 == 3:
        return "rare"  # in the south alone
    return "ill" if i % 2 == 0 else "well"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("loso") / "data"
    how = dict(source_of=source_of, label_of=label_of, classes=CLASSES)
    return read_manifest(drawn_folder(root, n=N, test=140, **how))


def asked(source, can=True):
    value, between = (0.6, [0.5, 0.7]) if can else (None, None)
    return Unseen(
        source, ["ill"], [], {}, value, between, value, between, 30, 60, Verdict.CANNOT_TELL
    )


class Recorder:
    "Trains nothing: a network of all sources knows the class, one that lacks a source guesses."

    def __init__(self):
        self.trained = {}
        self.scored = []

    def train(self, part, run):
        self.trained[run.name] = part
        knows = run.name == POOLED

        def score(rows):
            self.scored.append((run.name, list(rows)))
            noise = np.random.default_rng(0).normal(0, 1, len(rows))
            found = {}
            for name in CLASSES:
                own = np.array([row.label == name for row in rows])
                found[name] = noise + 5 * own * knows
            return found

        return score


class Said:
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


def test_what_a_network_without_a_source_learns_from(data):
    part = without_source(data, "north")
    assert {row.source for row in part.rows} == {"south"}
    assert {row.split for row in part.rows} == {"train", "valid"}
    assert part.sha256 != data.sha256 and trained_films(part) < trained_films(data)


def test_groups_that_a_source_shares_are_not_learned_from(data):
    rows = list(data.rows)
    of_south = next(i for i, row in enumerate(rows) if row.source == "south")
    of_north = next(row for row in rows if row.source == "north")
    from dataclasses import replace

    rows[of_south] = replace(rows[of_south], group=of_north.group)
    part = without_source(replace(data, rows=rows), "north")
    assert rows[of_south] not in part.rows


def test_pooled_against_unseen_by_class_with_missing_classes_named(data, tmp_path):
    recorder, said = Recorder(), Said()
    trained = Trained(recorder.train, lambda films: films / 10)
    found = leave_sources_out(data, [asked("north"), asked("south")], trained, tmp_path, 0, said)
    assert list(recorder.trained) == [POOLED, "north", "south"]
    north, south = found
    assert north.seen > 0.95 > 0.7 > north.unseen and north.verdict is Verdict.FAIL
    assert south.left_out == ["rare"] and set(south.per_class) == {"ill", "well"}
    seen, unseen = south.per_class["ill"]
    assert seen > 0.95 and unseen < 0.7
    assert "3 networks to train, about" in said.lines[0] and " min " in said.lines[0]
    of_pooled = [row for run, rows in recorder.scored if run == POOLED for row in rows]
    assert {row.split for row in of_pooled} == {"test"}


def test_a_network_that_is_there_is_not_trained_again_and_runs_lie_by_source(data, tmp_path):
    recorder = Recorder()
    runs = []

    def train(part, run):
        runs.append(run)
        return recorder.train(part, run)

    pooled = recorder.train(data, tmp_path / POOLED)
    trained = Trained(train, lambda films: 1.0, pooled)
    leave_sources_out(data, [asked("north"), asked("south", can=False)], trained, tmp_path)
    assert runs == [tmp_path / LOSO / "north"]


def test_a_source_that_shares_nothing_is_not_trained_without(data, tmp_path):
    trained = Trained(Recorder().train, lambda films: 1.0)
    (only,) = leave_sources_out(data, [asked("north", can=False)], trained, tmp_path)
    assert only.unseen is None and only.left_out == ["ill"] and not list(tmp_path.iterdir())
