"""pytest tests/prototyping/test_road.py

One small prototype is made for the module; a folder that is killed at any step goes on.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
import toy
import toy_prototypes as toys
from PIL import Image
from recording_progress import RecordingProgress

from cxr_fastai import prototype
from cxr_fastai.core import UsageError
from cxr_fastai.evaluation import evaluate as evaluate_module
from cxr_fastai.manifest import read_manifest
from cxr_fastai.prototyping import road
from cxr_fastai.prototyping.record import Prototype
from cxr_fastai.training import run as run_module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "(the folder, where it went, the record, what was said)"
    root = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(root / "cache"))
        toys.tiny_plans(m)
        folder = toys.own_folder(root / "films")
        said = RecordingProgress()
        return folder, root / "out", prototype(folder, root / "out", workers=1, progress=said), said


@pytest.fixture
def tiny(monkeypatch):
    toys.tiny_plans(monkeypatch)


def pixels_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_becomes_a_model_beside_a_page_and_a_record(made):
    _, out, record, _ = made
    assert {p.name for p in out.iterdir()} == {
        "curated",
        "run",
        "evaluation",
        "validation",
        "report.html",
        "prototype.json",
    }
    assert (record.bundle / "model.safetensors").is_file() and record.page.is_file()
    assert record.counts.images == 47 and record.counts.copies == 1
    assert record.counts.conflicts == 1 and record.counts.left_out == 1
    assert record.plan.settings["epochs"] == record.trained["epochs"] == 1
    assert record.report.split == "test" and record.curation.out == out / "curated"
    assert [scores.split for scores in record.scores] == ["test", "valid"]


def test_no_radiograph_is_on_two_sides(made):
    rows = read_manifest(made[1] / "curated").rows
    sides = {}
    for row in rows:
        sides.setdefault(row.group, set()).add(row.split)
    assert all(len(splits) == 1 for splits in sides.values())


def test_every_step_is_said_with_its_command(made):
    text = "\n".join(made[3].lines)
    for step in ("1/5 curating", "2/5 what tells", "3/5 planning", "4/5 training", "5/5 scoring"):
        assert step in text
    assert f"cxr curate --folder {made[0]} --out {made[1] / 'curated'}" in text
    assert "cxr train" in text and "done in" in text and "47 images (train" in text


def test_the_first_answer_is_said_as_it_comes_and_kept(made):
    _, out, record, said = made
    told = [line for line in said.lines if line.startswith("first answer after ")]
    assert len(told) == 1 and "balanced accuracy" in told[0]
    assert told[0].endswith(f" on {record.counts.splits['valid']} validation images")
    assert said.lines.index(told[0]) < said.lines.index(
        "5/5 scoring on images that the model did not see"
    )
    seconds = json.loads((out / "prototype.json").read_text())["result"]["seconds"]
    assert 0 < seconds["first answer after"] < seconds["all"]
    assert "first answer after" in record.page.read_text()


def test_weights_that_cannot_be_looked_for_are_told_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS", str(tmp_path / "nowhere"))
    folder = toys.own_folder(tmp_path / "films")
    with pytest.raises(UsageError, match="CXR_WEIGHTS=.*nowhere is no folder"):
        prototype(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_prototype_json_holds_the_record(made):
    stored = json.loads((made[1] / "prototype.json").read_text())
    assert stored["request"]["folder"] == str(made[0]) and stored["request"]["minutes"] == 5
    again = Prototype.from_dict(stored["result"], made[1])
    assert again.scores == made[2].scores and again.plan == made[2].plan


def test_the_same_again_says_what_stands_and_changes_nothing(made, tiny):
    folder, out, record, _ = made
    before = pixels_of(out)
    said = RecordingProgress()
    again = prototype(folder, out, workers=1, progress=said)
    assert again.stood and again.verdict == record.verdict and again.scores == record.scores
    assert said.lines == [f"{out} came to its end before: nothing is done again"]
    assert pixels_of(out) == before and str(again) == str(record)


def test_another_request_into_it_is_refused(made, tiny):
    with pytest.raises(UsageError, match=r"another prototype \(--seed 0, now 1\)"):
        prototype(made[0], made[1], seed=1)


def test_changed_images_are_not_passed_off_as_those_of_before(made, tiny, tmp_path):
    folder, out = tmp_path / "films", tmp_path / "out"
    shutil.copytree(made[0], folder)
    shutil.copytree(made[1], out)
    stored = (out / "prototype.json").read_text().replace(str(made[0]), str(folder))
    (out / "prototype.json").write_text(stored)
    with pytest.raises(UsageError, match="have changed since"):
        prototype(folder, out)


def test_a_bundle_that_is_gone_is_told(made, tiny, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made[1], out)
    (out / "run" / "bundle" / "bundle.json").unlink()
    with pytest.raises(UsageError, match="bundle.json is gone"):
        prototype(made[0], out)


class Killed(BaseException):
    "As a signal ends a process: nothing catches it."


def dies(*args, **kwargs):
    raise Killed


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (run_module, "train"),
        (run_module, "write_bundle"),
        (evaluate_module, "evaluate"),
        (road._Road, "_tell"),
    ],
)
def test_what_was_killed_goes_on_to_the_same_scores(made, tiny, tmp_path, where, name):
    folder, _, record, _ = made
    with pytest.MonkeyPatch.context() as m:
        m.setattr(where, name, dies)
        with pytest.raises(Killed):
            prototype(folder, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "report.html").exists()
    again = prototype(folder, tmp_path / "out", workers=1)
    assert not again.stood and again.scores == record.scores
    assert again.plan.settings == record.plan.settings and again.page.is_file()


def test_a_plan_that_was_begun_stands_when_it_goes_on(made, tiny, tmp_path, monkeypatch):
    with pytest.MonkeyPatch.context() as m:
        m.setattr(evaluate_module, "evaluate", dies)
        with pytest.raises(Killed):
            prototype(made[0], tmp_path / "out", workers=1)
    said = RecordingProgress()
    prototype(made[0], tmp_path / "out", workers=1, progress=said)
    text = "\n".join(said.lines)
    assert "the plan of the run that was begun" in text and "measured" not in text


def test_training_ends_at_the_deadline(made, tiny, tmp_path, monkeypatch):
    seen = []
    real = run_module.train

    def train(*args, **kwargs):
        seen.append(kwargs["deadline"])
        return real(*args, **{**kwargs, "deadline": 0.0})

    monkeypatch.setattr(run_module, "train", train)
    record = prototype(made[0], tmp_path / "out", workers=1)
    assert seen[0] > 0 and record.trained["epochs"] == 1 and record.bundle.is_dir()


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "minutes = 0"), (-3, "minutes"), ("five", "expected a number")]
)
def test_minutes_that_are_none_are_refused_before_anything(tmp_path, minutes, words):
    with pytest.raises(UsageError, match=words):
        prototype(tmp_path, tmp_path.parent / "out", minutes=minutes)
    assert not (tmp_path.parent / "out").exists()


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path):
    films = toys.own_folder(tmp_path / "films", n=4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").touch()
    with pytest.raises(UsageError, match="holds no prototype"):
        prototype(films, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["thesis.doc"]


def test_a_folder_too_small_to_split_is_one_line(tmp_path, tiny):
    for kind, name in enumerate(("Normal", "Sick")):
        (tmp_path / "films" / name).mkdir(parents=True)
        image = Image.fromarray(toy.picture(kind, kind, 64))
        image.save(tmp_path / "films" / name / "1.png")
    with pytest.raises(UsageError, match="leave none for") as refused:
        prototype(tmp_path / "films", tmp_path / "out", workers=1)
    assert "\n" not in str(refused.value)


def test_a_csv_says_the_labels(made, tiny, tmp_path):
    lines = ["file;label;who"]
    for kind, name in enumerate(("Normal", "Sick")):
        for i in range(24):
            lines.append(f"{name}/p{i}{toys.ENDINGS[i % 3]};{name};{kind}-{i // 2}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    record = prototype(
        made[0],
        tmp_path / "out",
        table=table,
        file="file",
        label="label",
        patient="who",
        workers=1,
    )
    assert record.title == "labels" and record.counts.patients == record.counts.images
    assert record.counts.classes["Sick"] >= 23


@pytest.mark.slow
def test_drawn_radiographs_become_a_model_that_tells_them(tmp_path):
    from cxr_fastai.phantom import draw

    for k, kind in enumerate(("normal", "bacterial_pneumonia")):
        (tmp_path / "films" / kind).mkdir(parents=True)
        for i in range(100):
            image = Image.fromarray(draw(kind, seed=1000 * k + i, size=128))
            image.save(tmp_path / "films" / kind / f"{i}.png")
    said = RecordingProgress()
    record = prototype(tmp_path / "films", tmp_path / "out", minutes=5, progress=said)
    assert record.counts.images == 200 and record.trained["epochs"] >= 1
    assert any("measured: " in line for line in said.lines)
    assert [step.commands for step in record.next_steps][0][1].endswith("--folds")
