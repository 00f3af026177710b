"""What the server counts, as Prometheus reads it.

python -m pytest tests/app/test_metrics.py
"""

import pytest

from cxr_fastai.app.metrics import BOUNDS, Metrics, memory_bytes, outcome_of
from cxr_fastai.core import Prediction
from cxr_fastai.serving.rows import row_of

ANSWERED = Prediction("normal", {"normal": 1.0})
ABSTAINED = Prediction(None, {"normal": 0.5}, abstained=True, reason="below its threshold")
GATED = Prediction(None, {}, abstained=True, gate="inverted", reason="looks inverted")
UNREAD = Prediction(None, {}, error="damaged")


@pytest.mark.parametrize(
    "told,word",
    [
        (ANSWERED, "answered"),
        (ABSTAINED, "abstained"),
        (GATED, "refused_by_gate"),
        (UNREAD, "unreadable"),
    ],
)
def test_a_film_is_counted_by_what_was_said_of_it(told, word):
    assert outcome_of(row_of(told)) == word


def lines_of(metrics, **gauges):
    text = metrics.text(gauges)
    assert text.endswith("\n") and "\n\n" not in text
    return text.splitlines()


def test_counts_are_lines_with_labels():
    metrics = Metrics()
    metrics.count("/predict", "POST", 200, 0.12)
    metrics.count("/predict", "POST", 200, 120.0)
    metrics.count("/", "GET", 404, 0.001)
    metrics.count_refusal("busy")
    metrics.count_films([row_of(ANSWERED), row_of(UNREAD), row_of(ANSWERED)], ["", "damaged", ""])
    lines = lines_of(metrics, cxr_ready=("Whether it is ready.", True))
    for line in (
        'cxr_requests_total{route="/predict",method="POST",status="200"} 2',
        'cxr_requests_total{route="/",method="GET",status="404"} 1',
        'cxr_refusals_total{code="busy"} 1',
        'cxr_films_total{outcome="answered"} 2',
        'cxr_films_total{outcome="unreadable"} 1',
        'cxr_unread_total{reason="damaged"} 1',
        "cxr_ready 1",
    ):
        assert line in lines


def test_times_are_a_histogram_that_adds_up():
    metrics = Metrics()
    for seconds in (0.005, 0.12, 0.15, 120.0):
        metrics.count("/predict", "POST", 200, seconds)
    lines = lines_of(metrics)
    buckets = [line for line in lines if line.startswith("cxr_request_seconds_bucket")]
    counts = [int(line.rsplit(" ", 1)[1]) for line in buckets]
    assert len(buckets) == len(BOUNDS) + 1 and counts == sorted(counts) and counts[-1] == 4
    assert 'cxr_request_seconds_bucket{route="/predict",le="0.1"} 1' in lines
    assert 'cxr_request_seconds_bucket{route="/predict",le="0.15"} 3' in lines
    assert 'cxr_request_seconds_sum{route="/predict"} 120.275000' in lines
    assert 'cxr_request_seconds_count{route="/predict"} 4' in lines


def test_every_metric_says_what_it_is_and_of_what_kind():
    metrics = Metrics()
    metrics.count("/", "GET", 200, 0.1)
    lines = lines_of(metrics, big=("A number.", 6.65403321e8))
    names = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    typed = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    helped = {line.split(" ")[2] for line in lines if line.startswith("# HELP")}
    suffixes = ("_bucket", "_sum", "_count")
    bare = {next((n.removesuffix(s) for s in suffixes if n.endswith(s)), n) for n in names}
    assert bare <= typed == helped and "big 665403321" in lines


def test_memory_is_that_of_this_process():
    assert memory_bytes() > 10_000_000
