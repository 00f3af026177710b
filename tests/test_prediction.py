"""What a bundle says of one radiograph: as text and in a notebook.

python -m pytest tests/test_prediction.py
"""

from cxr_fastai.prediction import Prediction

ASKED = Prediction(
    label="a<b",
    probs={"normal": 0.25, "a<b": 0.75},
    thresholds={"a<b": 0.5},
    decision="a<b: risk 0.75 reaches the threshold 0.50",
    threshold=0.5,
    notes=("tiny",),
    source="x<1>.png",
)


def test_it_reads_as_its_decision_behind_its_file():
    assert str(ASKED) == "x<1>.png: a<b: risk 0.75 reaches the threshold 0.50"
    assert str(Prediction(label="normal", probs={})) == "normal"


def test_a_notebook_shows_the_decision_the_probabilities_and_escapes_names():
    shown = ASKED._repr_html_()
    assert "a&lt;b: risk 0.75 reaches the threshold 0.50" in shown and "<b:" not in shown
    assert shown.index("0.750") < shown.index("0.250") and "<td>0.500</td>" in shown
    assert "tiny" in shown and "x&lt;1&gt;.png" in shown and "not a medical device" in shown


def test_one_that_was_not_read_shows_why():
    unread = Prediction(label=None, probs={}, source="a.png", error="cut", decision="not read: cut")
    assert "not read: cut" in unread._repr_html_() and "<table>" not in unread._repr_html_()
