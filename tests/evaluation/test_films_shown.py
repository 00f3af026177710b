"""pytest tests/evaluation/test_films_shown.py

Which films are shown: the worst mistakes and the most uncertain, with their sources.
"""

import numpy as np
from toy_pixels import folder

from cxr_fastai.evaluation.films_shown import MAX_SHOWN, show_classes, show_findings
from cxr_fastai.evaluation.predictions import Predictions

NAMES = {"a": "A", "b": "B"}


def rows(n):
    return [{"path": f"{i}.png", "source": f"s{i % 2}"} for i in range(n)]


def of_classes(targs, of_b):
    probs = np.column_stack([1 - np.array(of_b), of_b])
    return Predictions(rows(len(targs)), np.array(targs), probs, probs.argmax(1))


def test_the_worst_mistake_is_that_whose_truth_was_least_likely(tmp_path):
    found = show_classes(of_classes([0, 0, 1, 1], [0.6, 0.9, 0.2, 0.8]), NAMES, {}, tmp_path)
    assert [film.path for film in found.mistakes] == ["1.png", "2.png", "0.png"]
    assert found.wrong == 3 and found.mistakes[0].badge == "said B"
    assert (found.mistakes[0].label, found.mistakes[0].source) == ("is A", "s1")


def test_the_most_uncertain_are_nearest_to_the_threshold_or_to_another_class(tmp_path):
    own = of_classes([0, 0, 1], [0.2, 0.45, 0.9])
    assert show_classes(own, NAMES, {}, tmp_path).uncertain[0].path == "1.png"
    decision = {"negative": "a", "threshold": 0.85}
    assert show_classes(own, NAMES, decision, tmp_path).uncertain[0].path == "2.png"


def test_a_film_of_several_findings_stands_for_its_worst_one(tmp_path):
    targs = np.array([[1.0, 0.0], [0.0, np.nan]])
    probs = np.array([[0.1, 0.7], [0.2, 0.9]])
    own = Predictions(rows(2), targs, probs, probs > 0.5)
    found = show_findings(own, NAMES, {"a": 0.5}, tmp_path)
    [film] = found.mistakes
    assert (film.said, film.truth, found.wrong) == ("no A", "A", 2)
    assert [each.path for each in found.uncertain] == ["0.png", "1.png"], "unknown ones never"


def test_no_more_are_shown_than_a_page_holds(tmp_path):
    found = show_classes(of_classes([0] * 40, [0.9] * 40), NAMES, {}, tmp_path)
    assert len(found.mistakes) == MAX_SHOWN and found.wrong == 40


def test_a_film_that_is_there_has_a_picture_and_one_that_is_gone_a_reason(tmp_path):
    data = folder(tmp_path)
    own = of_classes([0, 1], [0.9, 0.1])
    own.rows[0]["path"] = data.rows[0].path
    shown = show_classes(own, NAMES, {}, tmp_path).mistakes
    thumbs = {film.path: film.thumb for film in shown}
    assert thumbs[data.rows[0].path].uri.startswith("data:image/jpeg;base64,")
    assert thumbs["1.png"].uri == "" and thumbs["1.png"].why
