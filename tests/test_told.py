"""pytest tests/test_told.py

What people can mend is one line and an exit code, in benchmarks too.
"""

from pathlib import Path

import pytest

from cxr_fastai.core import NotCurated, StorageError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def told(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from told import told

    return told


def of_no_folder():
    raise NotCurated("no folder DATA: curate it first.")


def into_a_file():
    Path(__file__, "out").mkdir()


@pytest.mark.parametrize(
    "main, code, says",
    [
        (of_no_folder, NotCurated.exit_code, "error: no folder DATA: curate it first.\n"),
        (into_a_file, StorageError.exit_code, f"error: {__file__}/out: Not a directory\n"),
        (lambda: None, 0, ""),
        (lambda: 2, 2, ""),
    ],
)
def test_an_error_for_people_is_a_line_and_its_exit_code(told, capsys, main, code, says):
    assert told(main) == code
    assert capsys.readouterr().err == says


@pytest.mark.parametrize("name", ["gpu", "precision", "time_to_score", "tuberculosis"])
def test_these_benchmarks_end_so(name):
    text = (BENCHMARKS / f"{name}.py").read_text()
    assert text.endswith('if __name__ == "__main__":\n    sys.exit(told(main))\n')


@pytest.mark.parametrize("as_json, says", [(True, '{"a": 1, "b": 2}\n'), (False, "b, a\n")])
def test_what_was_found_is_one_object_or_a_text(told, capsys, as_json, says):
    from told import print_found

    print_found({"b": 2, "a": 1}, as_json, lambda found: ", ".join(found))
    assert capsys.readouterr().out == says
