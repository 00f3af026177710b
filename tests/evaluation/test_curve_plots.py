"""pytest tests/evaluation/test_curve_plots.py

Each drawing goes to axes that are given, which may hold and take other things.
"""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import RocCurveDisplay
from toy_closer import drawn, found, question

from cxr_fastai.evaluation import curve_plots as plots
from cxr_fastai.evaluation.curves import benefit_of, curve_of
from cxr_fastai.intervals.bootstrap import Resampling

N = 150


@pytest.fixture(scope="module")
def resampling():
    return Resampling(range(N), 50, 0)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_a_display_of_scikit_learn_draws_on_the_same_axes(ax, resampling):
    assert plots.draw_roc(curve_of(question(), resampling), ax) is ax
    n_lines = len(ax.lines)
    RocCurveDisplay(fpr=np.array([0, 1]), tpr=np.array([0, 1])).plot(ax=ax)
    assert len(ax.lines) == n_lines + 1 and len(ax.collections) == 1, "the band"


def test_each_drawing_stays_on_its_axes(ax, resampling):
    assert plots.draw_precision_recall(curve_of(question(), resampling), ax) is ax
    assert plots.draw_benefit(benefit_of(question(), resampling), ax) is ax
    assert plots.draw_reliability(found(*drawn()).after, ax, "all") is ax


def test_without_a_band_the_curve_is_drawn_alone(ax):
    few = Resampling([i // 15 for i in range(N)], 50, 0)
    plots.draw_roc(curve_of(question(), few), ax)
    assert not ax.collections


@pytest.mark.parametrize("n", [1, 2, 5])
def test_pictures_open_and_are_the_same_twice(n, resampling):
    curves = [curve_of(question(seed), resampling) for seed in range(n)]
    first, second = plots.curves_png(curves), plots.curves_png(curves)
    assert first == second
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.format == "PNG"


def test_sources_of_enough_groups_have_their_own_diagram():
    sources = ["small"] * 10 + ["large"] * 190 + ["other"] * 200
    one, three = found(*drawn()), found(*drawn(), sources=sources)
    assert len(plots.reliability_png(three)) > len(plots.reliability_png(one))


def test_what_has_nothing_to_show_has_no_picture():
    assert plots.pictures_of(None) == {}
