"""pytest tests/serving/test_about.py

What the page says of the bundles: facts of bundle.json, scores of the same weights or that there are none.
"""

from dataclasses import replace
from pathlib import Path

from toy_bundles import report_of

from cxr_fastai.bundle import write_card
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.serving.about import about_of, how_made, normal_of
from cxr_fastai.serving.ensemble import Ensemble


def changed(bundle, path="", **meta):
    "A bundle with some keys of its meta changed."
    return replace(bundle, meta={**bundle.meta, **meta}, path=Path(path or bundle.path))


def test_a_bundle_without_an_evaluation_says_so(bundle):
    found = about_of(bundle, tta=False, files=["predictions.csv"])
    assert found.title == "What a bundle for toy says of these films"
    assert found.facts["toy"]["network"] == "resnet18, 32 x 32 px, 1 channel"
    assert bundle.meta["weights_sha256"] in found.facts["toy"]["weights"]
    assert found.facts["toy"]["computed by"] == "torch"
    [line] = found.scores["toy"]
    assert "carries no evaluation" in line and "cxr evaluate" in line
    assert "not a medical device" in found.limits and "\n" not in found.limits
    assert found.order.startswith("class by class")


def test_an_evaluation_of_the_same_weights_is_shown_with_its_intervals(made, tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in made.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    write_card(folder, report_of(folder))
    lines = about_of(load_bundle(folder, "cpu"), tta=False, files=()).scores["toy"]
    assert lines[0].startswith("20 images of 15 patients or groups, split test")
    assert "accuracy: 0.750 (0.500 to 0.900); source-only floor 0.625" in lines
    assert lines[-1] == "A *note* of this run."


def test_warnings_of_training_are_shown_as_such_and_once(bundle):
    warned = [{"kind": "few", "says": "Too few.", "do": "Get more."}]
    one = changed(bundle, warnings=warned)
    found = about_of(one, tta=False, files=())
    assert [warning.says for warning in found.warnings] == ["Too few."]
    assert not any("Too few" in words for words in found.facts["toy"].values())
    both = Ensemble((one, changed(one, "other", weights_sha256="1" * 64)))
    assert len(about_of(both, tta=False, files=()).warnings) == 1


def test_several_bundles_are_told_apart_and_thresholds_of_none_shown_as_all(bundle):
    one = changed(bundle, thresholds={"normal": 0.5})
    other = changed(one, "other", weights_sha256="1" * 64)
    found = about_of(Ensemble((one, other)), tta=False, files=())
    assert found.title == "What 2 bundles together say of these films"
    assert list(found.facts) == list(found.scores) == ["1 (toy)", "2 (toy)"]
    assert found.names.thresholds == {}
    assert about_of(one, tta=False, files=()).names.thresholds == {"normal": 0.5}


def test_a_threshold_is_of_the_risk_where_the_bundle_decides_by_it(bundle):
    by_risk = changed(bundle, decision={"negative": "normal", "threshold": 0.25})
    by_class = changed(bundle, decision={}, thresholds={"normal": 0.5})
    assert about_of(by_risk, tta=False, files=()).names.by_risk
    assert not about_of(by_class, tta=False, files=()).names.by_risk


def test_what_is_particular_about_the_answers_is_said(bundle):
    gated = replace(bundle, gate=object())
    assert how_made(gated, tta=False) == []
    for notes in (how_made(bundle, tta=False), how_made(gated, tta=False, gate=False)):
        assert len(notes) == 1 and notes[0].startswith("No gate was asked")
    [views] = how_made(gated, tta=True)
    assert "mean of 5 views" in views and "none mirrored" in views
    both = Ensemble((gated, changed(bundle, "other", weights_sha256="1" * 64)))
    mean, views = how_made(both, tta=True)
    assert "mean of 2 bundles" in mean and "more than half must agree" in mean


def test_normal_is_the_class_that_is_decided_by_or_that_means_nothing_found(bundle):
    assert normal_of(bundle) == ""
    findings = {"covid_19": ["covid_19"], "normal": ["no_finding"]}
    assert normal_of(changed(bundle, recipe={"name": "toy", "classes": findings})) == "normal"
    decided = changed(bundle, decision={"negative": "covid_19", "threshold": 0.5})
    assert normal_of(decided) == "covid_19"
    assert about_of(decided, tta=False, files=()).order == "those of the highest risk"
