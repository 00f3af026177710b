"""pytest tests/evaluation/test_multi_label_words.py

Each sentence of a multi-label report follows from its numbers.
"""

import pytest

from cxr_fastai.evaluation.multi_label_words import (
    NOT_ABOVE,
    UNDEFINED,
    exact_words,
    samples_words,
    verdict_words,
)


@pytest.mark.parametrize(
    "gain,limits,says",
    [
        (None, None, UNDEFINED),
        (0.0, None, f"{NOT_ABOVE} (+0.000)"),
        (-0.1, [-0.2, 0.1], f"{NOT_ABOVE} (-0.100, 95 % interval -0.200 to 0.100)"),
        (0.1, None, "above the source-only floor of 0.600 by 0.100"),
        (
            0.1,
            [0.05, 0.2],
            "above the source-only floor of 0.600 by 0.100, 95 % interval 0.050 to 0.200",
        ),
        (
            0.1,
            [-0.05, 0.2],
            "above the source-only floor of 0.600 by 0.100, 95 % interval -0.050 to 0.200: the "
            "interval includes 0, with other patients there may be no gain",
        ),
    ],
)
def test_the_verdict_says_where_the_gain_stands(gain, limits, says):
    assert verdict_words(gain, 0.6, limits) == says


@pytest.mark.parametrize("exact,nothing,more", [(0.5, 0.4, True), (0.4, 0.4, False)])
def test_images_all_right_stand_beside_answering_nothing(exact, nothing, more):
    metrics = dict(exact=exact, of=dict(exact=20))
    right, words = exact_words(metrics, dict(all_absent=dict(exact=nothing)), [0.3, 0.6])
    assert right is more
    assert words == (
        f"All known findings of an image are right in {100 * exact:.1f} % (30.0 to 60.0) of 20 "
        f"images; answering none at all would be right in {100 * nothing:.1f} %."
    )


@pytest.mark.parametrize(
    "with_findings,says", [(20, ""), (0, ""), (15, "reach 0.750, as 15 of 20 images have one.")]
)
def test_what_the_samples_averages_reach_is_said_where_they_are_defined(with_findings, says):
    words = samples_words(dict(with_findings=with_findings, of=dict(samples_f1=20)))
    assert words.endswith(says) and bool(words) is bool(says)
