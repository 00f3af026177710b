"""What stands beside parameters, for help().

python -m pytest tests/test_docments.py
"""

import inspect

from cxr_fastai.docments import comments_of, explain, explain_methods


def drawn(
    a: int,  # the first,
    # told in two lines
    # told above it, in two
    # lines as well
    b: dict[str, int],
    *c: int,  # several
    d: list[int] = [1],  # noqa: B006 # longer than a line
    e: str = "x",
    **f: int,  # the rest
) -> str:  # what comes
    """Do this.

    And that.
    """
    return "# no comment of a parameter"  # nor this


def test_comments_belong_to_the_parameter_beside_or_below_them():
    found = comments_of(drawn)
    assert found["b"].endswith("told above it, in two lines as well")
    assert found["a"].startswith("the first,")
    assert found["c"] == "several" and found["f"] == "the rest" and found["return"] == "what comes"
    assert "longer than a line" in found["d"] and "e" not in found


def test_the_docstring_gains_the_sections_once_and_keeps_its_words():
    explain(drawn)
    once = drawn.__doc__
    explain(drawn)
    assert drawn.__doc__ == once and once.startswith("Do this.\n\nAnd that.\n\nParameters\n---")
    assert "e : str, default 'x'\n" in once and once.endswith(
        "Returns\n-------\nstr\n    what comes\n"
    )


def test_what_has_no_source_stays_as_it_is():
    space = {}
    exec("def made(a):\n    'Say.'", space)
    explain(space["made"])
    assert space["made"].__doc__ == "Say." and comments_of(len) == {}


def test_the_methods_of_a_class_are_explained_but_not_the_private_ones():
    class Made:
        def shown(
            self,
            a: int,  # a number
        ) -> None:
            "Show."

        def _hidden(
            self,
            a: int,  # a number
        ) -> None:
            "Hide."

    explain_methods(Made)
    assert (
        "a : int\n    a number" in inspect.getdoc(Made.shown) and "self" not in Made.shown.__doc__
    )
    assert Made._hidden.__doc__ == "Hide."
