"""pytest tests/reporting/test_text.py: numbers, tables and intervals in words"""

import pytest

from cxr_fastai.reporting import text


@pytest.mark.parametrize("x,want", [(0.9166, "91.7 %"), (0, "0.0 %"), (1, "100.0 %"), (None, "-")])
def test_a_percentage_has_one_decimal(x, want):
    assert text.percent(x) == want


@pytest.mark.parametrize(
    "n,total,want",
    [
        (0, 100, "0 %"),
        (1, 1000, "under 1 %"),
        (1, 100, "1 %"),
        (505, 1000, "50 %"),
        (99, 100, "99 %"),
        (999, 1000, "over 99 %"),
        (5, 5, "100 %"),
        (0, 0, "0 %"),
    ],
)
def test_a_share_says_none_and_all_only_of_none_and_all(n, total, want):
    assert text.share(n, total) == want


def test_a_decimal_has_three_places_or_as_many_as_asked():
    assert text.decimal(0.12349) == "0.123" and text.decimal(0.126, places=2) == "0.13"
    assert text.decimal(None) == "-" and text.decimal(None, "none") == "none"


@pytest.mark.parametrize(
    "interval,as_share,want",
    [
        ([0.961, 0.985], True, "96.1 to 98.5"),
        ([0.961, 0.985], False, "0.961 to 0.985"),
        ([-0.0001, 0.1], True, "0.0 to 10.0"),
        ([-0.00001, 0.1], False, "0.000 to 0.100"),
        ([-0.02, 0.1], True, "-2.0 to 10.0"),
        (None, True, "-"),
    ],
)
def test_an_interval_has_no_minus_before_a_zero(interval, as_share, want):
    assert text.span(interval, as_share) == want


def test_a_value_stands_before_its_interval():
    assert text.with_span("91.7 %", "85.2 to 96.1") == "91.7 % (85.2 to 96.1)"
    assert text.with_span("91.7 %", "") == "91.7 %"


@pytest.mark.parametrize(
    "args,want",
    [
        ((1, "image"), "1 image"),
        ((2000, "image"), "2,000 images"),
        ((0, "image"), "0 images"),
        ((2, "class", "classes"), "2 classes"),
    ],
)
def test_a_noun_agrees_with_its_number(args, want):
    assert text.count(*args) == want


@pytest.mark.parametrize(
    "groups,begins,resampled",
    [(1, "No intervals", False), (2, "Intervals", False), (19, "I", False), (20, "I", True)],
)
def test_what_the_intervals_are_hangs_on_the_number_of_groups(groups, begins, resampled):
    words = text.interval_words(groups, 2000)
    assert words.startswith(begins) and ("2,000 resamples" in words) is resampled
    assert groups == 1 or f"{groups} groups" in words and "Clopper-Pearson" in words


# ---- tables and lines


def test_a_table_sets_names_to_the_left_and_numbers_to_the_right():
    rows = [("class", "source", "n"), ("a", "one", 1200), ("long", "two", 3)]
    assert text.table(rows, left=2) == [
        "class  source      n",
        "a      one     1,200",
        "long   two         3",
    ]
    assert text.table([("a", "x"), ("b", "")]) == ["a  x", "b"]
    assert text.table([]) == []


def test_a_table_spells_out_what_a_terminal_would_obey():
    assert text.table([("a\x1b[31m", 1), ("b\nc", 2)]) == [r"a\x1b[31m  1", r"b\nc       2"]


def test_lines_are_wrapped_and_no_number_is_parted_from_its_percent_sign():
    words = "a " * 47 + "b 12.5 % of all"
    assert text.wrap(words) == [("a " * 47 + "b").strip(), "12.5 % of all"]
    assert all(len(line) <= 100 for line in text.wrap("word " * 100))


def test_wrapped_lines_have_their_indents():
    assert text.wrap("one two three", 9, first="! ", rest="  ") == ["! one two", "  three"]
    assert text.wrap("") == []


# ---- Markdown


@pytest.mark.parametrize(
    "foreign,want",
    [
        ("plain_name", "plain_name"),
        ("_stressed_", r"\_stressed\_"),
        ("a|b", r"a\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("Q&A", "Q&A"),
        ("# head", r"\# head"),
        ("two\nlines", "two lines"),
        ("[x](y) `c` *d*", r"\[x\](y) \`c\` \*d\*"),
        (7, "7"),
    ],
)
def test_foreign_text_is_no_markup(foreign, want):
    assert text.md(foreign) == want


def test_columns_of_whole_numbers_are_set_to_the_right():
    table = text.markdown_table(("class", "n"), [("a|b", 1), ("c", 2)])
    assert table.splitlines() == [
        "| class | n |",
        "| --- | ---: |",
        r"| a\|b | 1 |",
        "| c | 2 |",
    ]
