"""pytest tests/evaluation/test_plots.py

Pictures open, whatever the names and numbers are.
"""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from toy_class_reports import EVIL

from cxr_fastai.evaluation.plots import Panel, confusion_png, roc_png, together_png


@pytest.mark.parametrize("c", [2, 6, 9, 15])
def test_confusion_png_opens_and_grows_with_the_classes(c):
    names = [f"A rather long class name {i}" for i in range(c)]
    image = Image.open(io.BytesIO(confusion_png(np.eye(c, dtype=int) * 1234, names, "title")))
    image.load()
    assert image.format == "PNG" and min(image.size) > 400 and max(image.size) < 2600


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "names", [[r"$\frac$", "y$"], [EVIL, "ünïcode"], ["under_score^2", "%s {0}"]]
)
def test_any_class_name_can_be_drawn_and_a_class_without_images_too(names):
    assert confusion_png([[1, 0], [0, 0]], names, r"$\frac$").startswith(b"\x89PNG")


def test_drawing_leaves_the_users_matplotlib_backend_alone_and_needs_no_torch():
    code = (
        "import sys; from cxr_fastai.evaluation.plots import confusion_png; confusion_png([[1]], ['a'], ''); "
        "sys.exit(sorted({'matplotlib.pyplot', 'torch'} & set(sys.modules)) or 0)"
    )
    assert not subprocess.run([sys.executable, "-c", code], timeout=120).returncode


def panel(name="a", n=20, auroc=0.5, fixed=True):
    return Panel(
        name=name,
        present=np.arange(n) % 3 == 0,
        scores=np.linspace(0, 1, n) ** 2,
        auroc=auroc,
        interval=[0.4, 0.6],
        specificity=0.7,
        sensitivity=0.6,
        fixed=fixed,
    )


NEVER_KNOWN = Panel(
    name="none",
    present=np.zeros(0, bool),
    scores=np.zeros(0),
    auroc=None,
    interval=None,
    specificity=None,
    sensitivity=None,
    fixed=False,
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "panels",
    [
        [panel()],
        [panel(EVIL), panel(r"$\frac$", fixed=False)],
        [panel(f"A rather long name of a finding {i}") for i in range(15)],
        [NEVER_KNOWN],
    ],
)
def test_roc_png_opens_whatever_the_findings_are(panels):
    image = Image.open(io.BytesIO(roc_png(panels, "title")))
    image.load()
    assert image.format == "PNG" and 200 < min(image.size) and max(image.size) < 2600


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("c", [1, 3, 15])
def test_together_png_opens_and_takes_findings_that_nothing_has(c):
    image = Image.open(
        io.BytesIO(
            together_png(
                dict(present=np.eye(c, dtype=int), answered=np.zeros((c, c), int)),
                [f"Finding $ {i}" for i in range(c)],
            )
        )
    )
    assert image.format == "PNG" and max(image.size) < 2600
