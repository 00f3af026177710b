"""pytest tests/auditing/test_exploration.py: what an exploration prints, and its page"""

import json

import pytest
from toy import FINDINGS_COUNTS, curated_findings
from toy_cohort import drawn, row
from toy_explored import EVIL, SAFE, Page, explored

from cxr_fastai.auditing.explore import explore


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    "(folder, Exploration, where it was written)"
    root, out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("out")
    return *explored(root, out), out


# ---- text


def test_the_text_has_the_tables_and_the_warnings(found):
    _, e, _ = found
    text = str(e)
    assert e.warnings and all(f"! {warning.title}" in text for warning in e.warnings)
    assert all(str(table) in text for table in e.tables().values())
    assert "AUROC of knowing only" in text and SAFE in text and "\x1b" not in text
    assert text.startswith(
        "toy, all splits: 48 radiographs, 2 classes, 2 sources, 15 named patients"
    )
    assert repr(e) == f"<Exploration of {e.summary}>"
    assert "<script" not in e._repr_html_() and "&lt;script" in e._repr_html_()


def test_no_line_of_a_warning_is_wider_than_a_terminal(found):
    _, e, _ = found
    lines = str(e).split("\n\n")[1].splitlines()
    assert max(map(len, lines)) <= 110 and all(line[:2] in ("! ", "  ") for line in lines)


def test_none_is_no_class_where_an_image_may_have_several(tmp_path):
    n = sum(sum(of) for of in FINDINGS_COUNTS.values())
    e = explore(curated_findings(tmp_path))
    assert str(e).startswith(f"toy_findings, all splits: {n} radiographs, 3 classes, 1 source")


def test_a_warning_stands_in_eda_json_with_its_kind_first(found):
    _, e, _ = found
    for warning, numbers in zip(e.warnings, e.to_dict()["warnings"], strict=True):
        assert list(numbers) == ["kind", "title", "says", "do", "numbers"]
        assert numbers == warning.to_dict()


# ---- the page


def test_the_page_fetches_nothing_runs_nothing_and_spells_foreign_text_out(found):
    _, e, out = found
    html = (out / "eda.html").read_text()
    page = Page(html)
    assert not page.tags["script"] and "default-src 'none'" in html
    assert SAFE in page.text and "\x1b" not in html
    assert "http" not in page.text and "url(" not in html
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in page.links)
    assert len(page.images) == 16 == len(e.thumbs) and all(i["alt"] for i in page.images)
    assert max(int(i["height"]) for i in page.images) <= 128 and len(html) < 200_000


def test_the_page_holds_the_numbers_and_every_warning(found):
    _, e, out = found
    page = Page((out / "eda.html").read_text())
    for table in e.tables().values():
        for name, _, total in table.rows:
            assert name.replace(EVIL, SAFE) in page.text and f"{total:,}" in page.text
    assert e.warnings
    for warning in e.warnings:
        assert (
            warning.says.replace(EVIL, SAFE) in page.text
            and warning.do.replace("`", "") in page.text
        )
    assert "at most 200 images of a class and source" in page.text
    assert "split train, so that nobody" in page.text
    assert f"given for {e.about['ages_known']} of 48 images" in page.text


def test_a_page_of_many_findings_is_whole(tmp_path):
    findings = [f"finding_{i}" for i in range(14)]
    rows = [
        row(
            "|".join(findings[i % 14 :: 5]) or "none",
            ("one", "two")[i % 2],
            findings="mass",
            phash=str(i),
        )
        for i in range(60)
    ]
    e = explore(drawn(rows, tmp_path, task="multi_label", vocab=findings))
    page = Page(e.to_html())
    assert all(finding in page.text for finding in findings)
    assert "unknown means that its source does not say" in page.text
    assert e.tables()["source"].head == ["one", "two"] and e.tables()["split"].head[-1] == "unknown"
    assert not e.floors and json.loads(json.dumps(e.to_dict(), allow_nan=False))


def test_classes_without_images_and_rows_without_sizes_are_told_as_such(tmp_path):
    e = explore(drawn([row(width="", height="", phash=str(i)) for i in range(3)], tmp_path))
    assert e.classes["b"]["width"]["quantiles"] is None
    assert e.classes["a"]["height"]["quantiles"] is None
    assert e.alone["source"]["b"]["auroc"] is None
    assert "No image in split train." in Page(e.to_html()).text
    assert json.loads(json.dumps(e.to_dict(), allow_nan=False)) == e.to_dict()
