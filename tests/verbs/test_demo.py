"""`cxr demo` hands its folder on. The demo itself: test_demo.py, test_road.py."""

from pathlib import Path

from cxr_fastai import cli


def test_the_folder_is_handed_on_and_the_exit_code_comes_back(monkeypatch):
    asked = []

    def demo(out):
        asked.append(out)
        return 7

    monkeypatch.setattr("cxr_fastai.demo.demo", demo)
    assert cli.main(["demo", "--out", "there"]) == 7
    assert asked == [Path("there")]
