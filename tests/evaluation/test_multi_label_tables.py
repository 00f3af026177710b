"""pytest tests/evaluation/test_multi_label_tables.py

Rows of a multi-label report as lines of text.
"""

from cxr_fastai.evaluation.cells import Cell
from cxr_fastai.evaluation.multi_label_tables import (
    answering_text,
    averages_text,
    headline_text,
    ranking_text,
)

CELLS = [Cell(f".{i}", f".{i}0 to .{i}9") for i in range(4)]


def test_each_table_has_a_line_a_row_and_its_intervals():
    assert headline_text([("macro F1", "what it means", CELLS[:2])])[1].split() == [
        *("macro", "F1"),
        *(".0", ".00", "to", ".09"),
        *(".1", ".10", "to", ".19"),
    ]
    assert averages_text([("micro", CELLS[:3])])[0].split()[:2] == ["average", "precision"]


def test_findings_are_named_and_what_is_on_the_page_alone_is_left_out():
    ranking = ranking_text([("a", 1200, 30, CELLS)], {"a": "Edema"})
    assert ranking[1].split()[:2] == ["Edema", "1,200"] and ".30 to .39" not in ranking[1]
    answering = answering_text([("a", "(0.500)", 7, CELLS)], {"a": "Edema"})
    assert answering[1].split()[:2] == ["Edema", "(0.500)"] and ".20 to .29" not in answering[1]
    assert ".30 to .39" in answering[1]
