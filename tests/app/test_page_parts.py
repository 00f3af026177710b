"""pytest tests/app/test_page_parts.py"""

from dataclasses import replace

import pytest
from fastcore.xml import to_xml
from fasthtml import components as ft
from page_rules import check_page

from cxr_fastai.app.page_facts import about_page
from cxr_fastai.app.page_parts import frame, notices, text_of, theme_choice


def html(*parts):
    return str(to_xml(parts, indent=False))


def test_the_frame_has_what_is_always_in_sight_before_all_else():
    tree = check_page(frame("T", [ft.H1("T"), theme_choice()], [ft.Main("x", id="work")], ["a.js"]))
    assert tree.words.index("Research only") < tree.words.index("T ")
    assert [tag.at.get("type") for tag in tree.all("script")] == [None, "module"]
    assert [tag.at["value"] for tag in tree.all("option")] == ["", "light", "room"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("run `cxr predict A` now", "run <code>cxr predict A</code> now"),
        ("50.0 % of it", "50.0\u00a0% of it"),
        ("<b> & `<i>`", "&lt;b&gt; &amp; <code>&lt;i&gt;</code>"),
        ("a\u202eb", "a\\u202eb"),
        ("", ""),
    ],
)
def test_text_is_escaped_and_commands_are_code(text, shown):
    assert html(*text_of(text)) == shown


def test_there_is_no_box_where_nothing_is_to_be_said(toy_model):
    facts = about_page(toy_model)
    gated = replace(facts, has_gate=True, about=replace(facts.about, notes=[]))
    assert notices(gated) == ""


def test_a_note_is_told_in_full_its_first_sentence_always(toy_model):
    facts = about_page(toy_model)
    noted = replace(facts, about=replace(facts.about, notes=["One. Two. Three.", "Alone."]))
    text = html(notices(noted))
    assert "<summary><strong>No gate. </strong>One.</summary><p>Two. Three.</p>" in text
    assert '<p class="box">Alone.</p>' in text
