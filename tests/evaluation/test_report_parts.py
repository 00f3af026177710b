"""pytest tests/evaluation/test_report_parts.py: what reports of either task say alike."""

from dataclasses import replace

import pytest
import toy_class_reports as classes
import toy_findings_reports as findings

from cxr_fastai.evaluation import multi_label_words, single_label_words
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.report_parts import ReportParts, joined_parts, not_above


@pytest.fixture(params=[classes, findings], ids=["classes", "findings"])
def report(request):
    toy = request.param
    return evaluate(toy.ToyBundle(), toy.manifest(), resamples=20)


def test_both_reports_say_the_same_of_groups_and_intervals(report):
    many = replace(report, groups=200, resamples=20, intervals={"gain": [0.1, 0.2]})
    assert isinstance(report, ReportParts) and not many.too_few
    assert many.sure is many.above_floor
    assert not replace(many, intervals={"gain": [-0.1, 0.2]}).sure
    few = replace(many, groups=19)
    assert few.too_few and not few.sure and "19 groups" in few.interval_words
    assert replace(many, resamples=0).interval_words == ""
    scarce = replace(many, class_groups={next(iter(report.names)): 3})
    assert "fewer than 20 groups on a side" in scarce.class_words and scarce.class_words.endswith(
        "3."
    )


def test_the_shared_part_of_the_json_is_in_the_whole(report):
    whole = report.to_dict()
    shared = report._shared_dict()
    assert all(whole[key] == shared[key] for key in shared)
    assert {"intervals", "interval_kinds", "too_few", "notes", "about"} <= set(shared)


def test_a_report_that_says_nothing_of_its_floor_cannot_be():
    with pytest.raises(NotImplementedError):
        ReportParts().above_floor  # noqa: B018


def test_parts_without_lines_leave_no_blank_line():
    assert joined_parts([["a", "b"], [], ["c"]]) == "a\nb\n\nc"


def test_each_task_has_its_own_word_for_what_the_source_alone_would_do():
    assert single_label_words.NOT_ABOVE == not_above("do")
    assert multi_label_words.NOT_ABOVE == not_above("rank")
    assert not_above("rank").endswith("would rank as well")
