"""pytest tests/app/test_card_markdown.py"""

import pytest
from fastcore.xml import to_xml

from cxr_fastai.app.card_markdown import markdown_parts
from cxr_fastai.bundle.model_card import card


def html(text, **options):
    return str(to_xml(tuple(markdown_parts(text, **options)), indent=False))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# One\n## Two", "<h2>One</h2><h3>Two</h3>"),
        ("###### Deep", "<h6>Deep</h6>"),
        ("a\nb\n\nc", "<p>a b</p><p>c</p>"),
        ("- a\n- `b c`", "<ul><li>a</li><li><code>b c</code></li></ul>"),
        ("    cxr predict X", "<pre><code>cxr predict X</code></pre>"),
        ("text\n- item", "<p>text</p><ul><li>item</li></ul>"),
        (r"**a \*b\*** c\_d", "<p><strong>a *b*</strong> c_d</p>"),
        ("&lt;b&gt; &amp; <i>", "<p>&lt;b&gt; &amp; &lt;i&gt;</p>"),
        ("a\u202eb", r"<p>a\u202eb</p>"),
        ("", ""),
    ],
)
def test_what_a_card_is_written_in(text, shown):
    assert html(text) == shown


def test_the_head_for_the_hub_is_left_out():
    assert html("---\ntags: a\n---\n# One") == "<h2>One</h2>"
    assert html("---\nno end") == "<p>--- no end</p>"


def test_a_table_has_heads_for_rows_and_columns_and_a_name():
    table = html("| what | n |\n| --- | --- |\n| a \\| b | 1 |\n| c | 2 |")
    assert '<th scope="col">what</th><th scope="col">n</th>' in table
    assert '<th scope="row">a | b</th><td>1</td>' in table
    assert "aria-label" in table and "---" not in table


def test_a_card_of_this_library_leaves_no_mark_behind(toy_model):
    text = html(card(toy_model.meta))
    assert "<h2>toy: a chest radiograph model</h2>" in text
    for mark in ("##", "**", "&lt;", "\\", "`"):
        assert mark not in text, mark
