"""pytest tests/evaluation/test_predictions.py

Rows of predictions.csv, and what was evaluated on what.
"""

import numpy as np
from toy_class_reports import ToyBundle, manifest

from cxr_fastai.evaluation.predictions import Predictions, identities

ROWS = [dict(path=f"{i}.png", source="s", group=f"g{i}", label="a", split="test") for i in range(2)]
PROBS = np.array([[1 / 3, 2 / 3], [0.25, 0.75]], np.float32)
PREDICTIONS = Predictions(rows=ROWS, targs=np.zeros(2, int), probs=PROBS, preds=np.ones(2, int))


def test_a_row_an_image_has_what_was_predicted_and_gives_back_every_float32():
    rows, columns = PREDICTIONS.table(["a", "b"], ["b", "b"])
    assert columns == ["path", "source", "group", "label", "predicted", "p_a", "p_b"]
    assert [list(row) for row in rows] == [columns] * 2
    assert rows[1]["path"] == "1.png" and rows[1]["predicted"] == "b"
    again = np.array([[row["p_a"], row["p_b"]] for row in rows]).astype(np.float32)
    assert np.array_equal(again, PROBS)


def test_sources_and_groups_are_those_of_the_rows():
    assert PREDICTIONS.sources == ["s", "s"] and PREDICTIONS.groups == ["g0", "g1"]


def test_what_was_evaluated_is_named_without_paths_and_without_what_is_not_known():
    found = identities(ToyBundle(weights_sha256="7" * 64), manifest())
    assert found == {
        "network": "toynet",
        "weights (SHA-256)": "7" * 64,
        "trained for recipe": "three",
        "trained on manifest (SHA-256)": "5" * 64,
        "images curated for recipe": "three",
        "images of manifest (SHA-256)": "5" * 64,
    }
    assert "weights (SHA-256)" not in identities(ToyBundle(), manifest())
