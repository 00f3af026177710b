"""`cxr audit` in this process: what it hands on, prints, and exits with."""

import json

import pytest

from cxr_fastai import cli
from cxr_fastai.auditing.asked import Asked
from cxr_fastai.auditing.audited import Audit
from cxr_fastai.auditing.overall import Overall
from cxr_fastai.model_audit import road
from cxr_fastai.probes.verdict import Verdict

ABOUT = dict(recipe="toy", films=9, groups=9, sources=["north"])


@pytest.fixture
def asked(monkeypatch):
    "What was asked for; nothing is audited."
    calls = []

    def audit(data, bundle, **given):
        calls.append({"data": data, "bundle": bundle, **given})
        print("a library speaks")
        lines = [Asked("P2", "Border", Verdict.FAIL, "Says.")]
        if data == "sound":
            lines = [Asked("P2", "Border", Verdict.PASS, "Says.")]
        return Audit(ABOUT, Overall(Verdict.FAIL, "One sentence."), lines, [], "", "")

    monkeypatch.setattr(road, "audit", audit)
    return calls


def test_flags_are_handed_on_and_what_libraries_print_is_no_result(asked, tmp_path, capsys):
    out = str(tmp_path / "o")
    assert cli.main(["audit", "films", "run", "--loso", "--out", out, "--seed", "3"]) == 0
    (call,) = asked
    assert (call["data"], call["bundle"], call["out"]) == ("films", "run", out)
    assert call["loso"] and call["seed"] == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("FAIL: One sentence.") and "library" not in captured.out
    assert f"page: {out}/audit.html; numbers: {out}/audit.json" in captured.err


def test_json_is_the_record(asked, capsys):
    assert cli.main(["audit", "films", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sentence"] == "One sentence."


def test_strict_exits_1_on_a_fail_and_names_the_probes(asked, capsys):
    assert cli.main(["audit", "films", "--strict"]) == 1
    assert "cxr audit: --strict: 1 probe ended in FAIL: P2" in capsys.readouterr().err
    assert cli.main(["audit", "sound", "--strict"]) == 0


@pytest.mark.parametrize(
    "argv,code,words",
    [
        (["gone"], 2, "no folder gone"),
        (["."], 2, "holds no manifest.csv"),
        ([".", "--loso"], 2, "--out DIR"),
        ([".", "--seed", "-1"], 2, "seed is -1"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path, monkeypatch, capsys, argv, code, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["audit", *argv]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("cxr audit: ") and words in line
