"""Diseases: each shows within the lungs and keeps to its place.

python -m pytest tests/phantom/test_opacities.py
"""

import numpy as np
import pytest
from toy_phantoms import (
    SIZE,
)

from cxr_fastai.core import NIH_FINDINGS
from cxr_fastai.phantom import (
    CLASSES,
    KINDS,
    draw,
    draw_findings,
    opacities,
)
from cxr_fastai.phantom.chest import anatomy, scene, stance
from cxr_fastai.phantom.shapes import (
    stream,
)


@pytest.mark.parametrize("kind", [c for c in CLASSES if c != "normal"] + ["mass", "heart_effusion"])
def test_disease_shows_within_the_lungs_and_nowhere_else(kind):
    for seed in range(6):
        change = (
            abs(draw(kind, seed, 64, patient=5).astype(int) - draw("normal", seed, 64, patient=5))
            > 6
        )
        lung = scene(anatomy(5, "adult"), stance(seed, 64)).lung
        assert change.mean() > 0.003 and (lung[change] > 0.2).mean() > 0.9


def changed(kind, seeds=24):
    "Of each disease's change: (share on its larger side, share in the upper half of the lungs, in the outer half)."
    out = []
    for seed in range(seeds):
        change = abs(
            draw(kind, seed, 64, patient=5).astype(float) - draw("normal", seed, 64, patient=5)
        )
        s = scene(anatomy(5, "adult"), stance(seed, 64))
        left = change[s.side < 0].sum() / change.sum()
        out.append(
            (
                max(left, 1 - left),
                change[s.t < 0.5].sum() / change.sum(),
                change[s.u > 0.5].sum() / change.sum(),
            )
        )
    return np.mean(out, 0)


def test_each_disease_keeps_to_its_place():
    where = {c: changed(c) for c in CLASSES if c != "normal"}
    one_sided, upper, outer = ({c: v[i] for c, v in where.items()} for i in range(3))
    assert (
        one_sided["bacterial_pneumonia"]
        > 0.95
        > 0.8
        > max(one_sided["viral_pneumonia"], one_sided["covid_19"])
    )
    assert upper["tuberculosis"] > 0.8 and upper["covid_19"] < 0.4
    assert outer["covid_19"] > 0.6 > 0.5 > outer["viral_pneumonia"]


@pytest.mark.parametrize("finding", NIH_FINDINGS)
def test_a_finding_shows_within_the_chest(finding):
    for seed in (1, 2):
        well = draw_findings((), seed, SIZE, 5)
        change = abs(draw_findings([finding], seed, SIZE, 5).astype(int) - well) > 6
        assert change.mean() > 0.001
        if finding != "cardiomegaly":  # whose heart pushes the lungs aside
            assert (scene(anatomy(5, "adult"), stance(seed, SIZE)).lung[change] > 0.2).mean() > 0.9


def test_every_kind_and_every_finding_has_a_form():
    assert set(opacities.OF_KIND) == {*KINDS} - {"other_findings"}
    assert set(opacities.OF_FINDING) == set(NIH_FINDINGS)
    assert set(opacities.LARGE_HEART) <= {*KINDS, *NIH_FINDINGS}


def test_a_nodule_is_smaller_than_a_mass():
    chest = scene(anatomy(5, "adult"), stance(1, SIZE))
    nodule, mass = (
        np.mean([opacities.OF_FINDING[name](chest, stream(i)).mean() for i in range(8)])
        for name in ("nodule", "mass")
    )
    assert 0 < nodule < 0.5 * mass
