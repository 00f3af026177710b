"""pytest tests/prototyping/test_story.py"""

import json

import pytest
import toy_prototypes as toys

from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.folder.result import SMALL_FOLDER
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.prototyping.shortcuts import Shortcuts
from cxr_fastai.prototyping.story import TROUBLE, summed_up

BORDER = FolderWarning("probe", "says", title="Border of the film")


@pytest.fixture
def told(tmp_path):
    "Sum up a run whose bundle.json says this."
    folder = toys.own_folder(tmp_path / "films", n=6)
    curation = curate(tmp_path / "curated", folder=folder, check=True, workers=1)

    def tell(epochs=4, warnings=(), shortcuts=(), reports=None):
        bundle = tmp_path / "run" / "bundle"
        bundle.mkdir(parents=True, exist_ok=True)
        trained = dict(epochs=epochs, best_epoch=1, seconds=2.0, weights="none", seed=0)
        meta = {"trained": trained, "warnings": [warning.to_dict() for warning in warnings]}
        (bundle / "bundle.json").write_text(json.dumps(meta))
        found = Shortcuts(tuple(shortcuts))
        reports = {"test": toys.report()} if reports is None else reports
        request = toys.request()
        return summed_up(request, tmp_path, curation, found, toys.plan(), reports, {"curate": 1.0})

    return tell


def test_the_record_is_of_the_folder_and_the_bundle(told):
    made = told()
    assert made.counts.images == 11 and made.title == "films of mine"
    assert made.trained == {"epochs": 4, "best_epoch": 1, "seconds": 2.0, "weights": "none"}
    assert "The model tells Normal from Sick" in made.verdict and made.seconds == {"curate": 1.0}


def test_what_limits_the_score_is_a_warning_and_no_shortcut(told):
    kinds = [warning.kind for warning in told(shortcuts=[BORDER]).warnings]
    assert "single_source" in kinds and "probe" not in kinds


@pytest.mark.parametrize("kind", [*TROUBLE, "no_threshold"])
def test_a_run_that_went_wrong_is_told(told, kind):
    warning = FolderWarning(kind, "says", "do", "Not told from a guess")
    made = told(warnings=[warning])
    assert made.trouble == ((warning,) if kind in TROUBLE else ())
    assert made.verdict.startswith("Beware, training warns") is (kind in TROUBLE)


@pytest.mark.parametrize(("epochs", "cut"), [(3, True), (4, False)])
def test_fewer_epochs_than_planned_are_advised_more_time(told, epochs, cut):
    whys = [step.why for step in told(epochs=epochs).next_steps]
    assert any("came to its deadline" in why for why in whys) is cut


def test_without_a_test_split_nothing_is_claimed(told):
    assert "Nothing can be said" in told(reports={}).verdict


def test_cross_validation_is_advised_in_one_box(told):
    kinds = [warning.kind for warning in told().warnings]
    assert "class_scarce" in kinds and SMALL_FOLDER in kinds
    advised = [one for one in told().warnings if "cross-validation" in f"{one.says} {one.do}"]
    assert len(advised) == 1
