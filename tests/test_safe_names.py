"""Names that can be a folder on every system."""

import pytest

from cxr_fastai.safe_names import MAX_NAME_BYTES, folded, safe_name, why_unsafe


@pytest.mark.parametrize(
    "name",
    [
        "normal",
        "COVID-19 (pos)",
        "Viral Pneumonia",
        "a.b",
        "Überblähung",
        "肺炎",
        "no+yes & no",
        "_",
    ],
)
def test_names_of_any_script_with_digits_blanks_and_some_marks_can_be_folders(name):
    assert why_unsafe(name) == ""


@pytest.mark.parametrize(
    "name, why",
    [
        ("", "empty"),
        (".hidden", "begins with"),
        (" a", "begins with"),
        ("a.", "ends with"),
        ("a ", "ends with"),
        ("a|b", "'|'"),
        ("a/b", "'/'"),
        ("a\\b", "holds"),
        ('a"<>:*?,b', "':'"),
        ("a\nb", "holds"),
        ("con", "Windows"),
        ("LPT1.x", "Windows"),
        ("u\u0308ber", "accents"),
        ("x" * (MAX_NAME_BYTES + 1), "longer"),
    ],
)
def test_what_some_system_does_not_take_is_no_folder(name, why):
    assert why in why_unsafe(name)


@pytest.mark.parametrize(
    "name, like",
    [
        ("a?b", "a_b"),
        (" normal. ", "normal"),
        ("u\u0308ber", "über"),
        ("???", ""),
        ("con", ""),
        ("..", ""),
        ("x" * 200, "x" * MAX_NAME_BYTES),
    ],
)
def test_a_name_that_is_none_has_one_like_it_or_nothing(name, like):
    assert safe_name(name) == like and (not like or why_unsafe(like) == "")


def test_two_names_that_some_disk_takes_for_one_have_the_same_folded_form():
    assert folded("COVID") == folded("Covid") and folded("Stra\u00dfe") == folded("STRASSE")
    assert folded("u\u0308") == folded("\u00fc") and folded("a b") != folded("a_b")
