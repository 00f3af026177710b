"""pytest tests/training/test_history_picture.py"""

import io

import matplotlib
from PIL import Image

from cxr_fastai.training.history_picture import history_png


def row(epoch: int) -> dict:
    return dict(
        stage="head",
        epoch=epoch,
        train_loss=1 / epoch,
        valid_loss=2 / epoch,
        accuracy=0.5,
        balanced_accuracy=0.4,
        lr_max=0.001,
        seconds=1.0,
    )


def test_the_history_is_drawn_as_a_picture():
    rows = [row(1), row(2), row(3)]
    backend = matplotlib.get_backend()
    png = history_png(rows, best=rows[1], scores=["accuracy", "balanced_accuracy"])
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size[0] > 800 and picture.format == "PNG"
    assert matplotlib.get_backend() == backend, "a notebook's backend changed"


def test_the_same_rows_give_the_same_bytes_and_others_other_ones():
    rows = [row(1), row(2)]
    scores = ["accuracy", "balanced_accuracy"]
    assert history_png(rows, rows[0], scores) == history_png(rows, rows[0], scores)
    assert history_png(rows, rows[0], scores) != history_png(rows, rows[1], scores)
