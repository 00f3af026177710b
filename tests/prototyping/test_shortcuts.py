"""pytest tests/prototyping/test_shortcuts.py"""

import numpy as np
import pytest

from cxr_fastai.core import FolderWarning
from cxr_fastai.probes.shortcuts import Probe
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.progress import SILENT
from cxr_fastai.prototyping import shortcuts as shortcuts_module
from cxr_fastai.prototyping.shortcuts import LIMITS, find_shortcuts, limits_of

SIZE = FolderWarning("size_apart", "says", title="Class = size")
LIMIT = FolderWarning("single_source", "says")


def probe(title, verdict):
    told = dict.fromkeys(Told.__dataclass_fields__)
    return Probe(title, title, verdict, "says", "do", "", Told(**{**told, "auroc": 0.9}))


@pytest.fixture
def found(monkeypatch):
    "Find shortcuts among cohort's warnings and probes."

    def find(confounds, probes):
        monkeypatch.setattr(shortcuts_module, "probe_shortcuts", lambda *a: probes)
        return find_shortcuts(confounds, None, 0, SILENT)

    return find


def test_what_tells_the_classes_is_told_from_what_limits_a_score(found):
    assert [w.kind for w in found([SIZE, LIMIT], []).found] == ["size_apart"]
    assert limits_of([SIZE, LIMIT]) == [LIMIT] and LIMIT.kind in LIMITS


@pytest.mark.parametrize(
    ("verdict", "telling"),
    [
        (Verdict.FAIL, True),
        (Verdict.WARN, True),
        (Verdict.PASS, False),
        (Verdict.CANNOT_TELL, False),
        (None, False),
    ],
)
def test_a_probe_that_tells_is_a_shortcut_and_every_probe_is_shown(found, verdict, telling):
    result = found([], [probe("Border", verdict)])
    assert [w.title for w in result.found] == (["Border"] if telling else [])
    (shown,) = result.probed
    assert (shown.title, shown.verdict) == ("Border", str(verdict) if verdict else "")


def test_a_border_that_tells_the_classes_is_found_in_pixels(tmp_path):
    import toy
    from PIL import Image

    from cxr_fastai.curation.pipeline import curate
    from cxr_fastai.manifest import read_manifest

    rng = np.random.default_rng(0)
    for kind, name in enumerate(("Normal", "Sick")):
        (tmp_path / "films" / name).mkdir(parents=True)
        for i in range(40):
            pixels = toy.picture(0, 100 * kind + i, 64)
            pixels[:6] = 30 + 150 * kind + rng.integers(0, 20, (6, 64))
            Image.fromarray(pixels).save(tmp_path / "films" / name / f"{i}.png")
    curation = curate(tmp_path / "out", folder=tmp_path / "films", workers=1)
    manifest = read_manifest(tmp_path / "out")
    result = find_shortcuts(curation.summary.confounds, manifest, 0, SILENT)
    assert "Border of the film" in [warning.title for warning in result.found]
