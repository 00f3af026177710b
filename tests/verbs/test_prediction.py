"""`cxr predict` in this process: what is checked before the bundle is read, and what is printed."""

import csv
import json
import subprocess
import sys

import pytest
import torch
from html_page import Page
from toy_rows import META, VOCAB
from toy_sources import put

from cxr_fastai import cli
from cxr_fastai.bundle import save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    "A bundle whose class normal means nothing found, from a risk that no image reaches."
    torch.manual_seed(0)
    meta = {**META, "decision": {"negative": "normal", "threshold": 1.0}}
    return save_bundle(
        tmp_path_factory.mktemp("run") / "bundle", build_network("resnet18", len(VOCAB)), meta
    )


def test_a_csv_that_is_one_of_the_images_is_refused_before_the_bundle(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    before = (tmp_path / "a.png").read_bytes()
    assert cli.main(["predict", "gone", "a.png", "--csv", "a.png"]) == 2
    assert "--csv" in capsys.readouterr().err and (tmp_path / "a.png").read_bytes() == before


def test_a_csv_of_others_is_refused_before_the_bundle_and_the_way_out_named(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    (tmp_path / "labels.csv").write_text("file;label\na.png;tb\n")
    assert cli.main(["predict", "gone", "a.png", "--csv", "labels.csv"]) == 2
    said = capsys.readouterr().err
    assert "labels.csv holds something that `cxr predict` did not write" in said
    assert "Choose another --csv" in said and len(said.splitlines()) == 1
    assert (tmp_path / "labels.csv").read_text() == "file;label\na.png;tb\n"


def test_what_training_warned_of_is_said_with_the_answers(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    assert cli.main(["predict", str(bundle), "a.png"]) == 0
    assert "training warned" not in capsys.readouterr().err
    doubts = [{"kind": "at_chance", "says": "no better than a guess.", "do": "Do not use it."}]
    meta = {**META, "warnings": doubts}
    net = build_network("resnet18", len(VOCAB))
    doubted = save_bundle(tmp_path / "doubted", net, meta)
    assert cli.main(["predict", str(doubted), "a.png"]) == 0
    told = capsys.readouterr()
    assert "training warned: no better than a guess. Do not use it.\n" in told.err
    assert "training warned" not in told.out
    torch.manual_seed(1)
    other = save_bundle(tmp_path / "other", build_network("resnet18", len(VOCAB)), META)
    assert cli.main(["predict", f"{other},{doubted}", "a.png"]) == 0
    assert f"training of {doubted} warned: no better" in capsys.readouterr().err


def test_text_json_and_csv_carry_the_decision_in_words(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    assert cli.main(["predict", str(bundle), "a.png"]) == 0
    text = capsys.readouterr().out.strip()
    assert cli.main(["predict", str(bundle), "a.png", "--json", "--csv", "out.csv"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    words = f"Normal: risk {row['risk']:.2f} is below the threshold 1.00"
    assert row["decision"] == words and row["threshold"] == 1.0 and text == f"a.png  {words}"
    assert (tmp_path / "out.csv").read_text().splitlines()[1].endswith(f",1,{words}")
    assert cli.main(["predict", str(bundle), "a.png", "--csv", "out.csv"]) == 0, "its own"


def test_a_killed_run_names_the_command_that_finishes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"x")
    (tmp_path / "run" / "history.csv").write_text("epoch\n1\n")
    assert cli.main(["predict", "run", "a.png"]) == 2
    said = capsys.readouterr().err
    assert "`cxr train DATA --out run --resume`" in said and len(said.splitlines()) == 1


def test_a_coverage_is_checked_before_the_bundle_and_refused_by_an_old_one(
    bundle, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    assert cli.main(["predict", "gone", "a.png", "--coverage", "90"]) == 2
    assert "expected a share from 0.5 to below 1" in capsys.readouterr().err
    assert cli.main(["predict", str(bundle), "a.png", "--coverage", "0.9"]) == 2
    said = capsys.readouterr().err
    assert "keeps no scores of validation" in said and len(said.splitlines()) == 1


def test_a_killed_run_folds_and_urls_are_told_before_torch_is_loaded(tmp_path):
    put(tmp_path / "a.png", 1)
    for run in ("killed", "folds/fold_0/bundle", "folds/fold_1/bundle"):
        (tmp_path / run).mkdir(parents=True)
    (tmp_path / "killed" / "checkpoint.pt").write_bytes(b"x")
    for i in range(2):
        (tmp_path / f"folds/fold_{i}/bundle/bundle.json").write_text("{}")
    code = (
        "import sys; from cxr_fastai import cli\n"
        "for words in (('killed', 'a.png'), ('folds', 'a.png'), ('gone', 'https://e.org/a.png')):\n"
        "    print(cli.main(['predict', *words]), 'torch' in sys.modules)\n"
    )
    got = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert got.stdout.splitlines() == ["2 False"] * 3
    killed, folds, url = got.stderr.splitlines()
    assert "--resume" in killed and "give one of folds/fold_0, folds/fold_1" in folds
    assert "a URL is not read" in url


# ---- a page, several bundles, test-time views


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    "Another bundle of the same classes, of another size."
    torch.manual_seed(7)
    meta = {**META, "size": 40, "decision": {"negative": "normal", "threshold": 0.5}}
    folder = tmp_path_factory.mktemp("second") / "bundle"
    return save_bundle(folder, build_network("resnet18", len(VOCAB)), meta)


@pytest.fixture
def films(tmp_path, monkeypatch):
    "A folder of three films and one that is none."
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        put(tmp_path / "films" / name, seed + 1)
    (tmp_path / "films" / "d.png").write_bytes(b"<html>sign in</html>")
    return tmp_path / "films"


def test_out_writes_a_page_a_csv_and_json_lines_that_agree(bundle, films, capsys):
    assert cli.main(["predict", str(bundle), "films", "--out", "out", "--json"]) == 0
    said = capsys.readouterr()
    rows = json.loads(said.out)
    out = films.parent / "out"
    assert sorted(file.name for file in out.iterdir()) == [
        "predictions.csv",
        "predictions.html",
        "predictions.jsonl",
    ]
    lines = (out / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows and len(rows) == 4
    with open(out / "predictions.csv", newline="") as f:
        assert [each["decision"] for each in csv.DictReader(f)] == [r["decision"] for r in rows]
    html = (out / "predictions.html").read_text()
    assert html.count("<img") == 3 and "data:image/jpeg" in html
    assert html.index("films/<wbr>d.png") < html.index("films/<wbr>a.png"), "unread come first"
    for row in rows[:3]:
        assert row["decision"].removeprefix("Normal: ") in Page(html).text
    assert str(films.parent) not in html and str(films.parent) not in "".join(lines)
    assert "page: out/predictions.html" in said.err
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    assert cli.main(["predict", str(bundle), "films", "--out", "out"]) == 0
    assert capsys.readouterr().out == "", "the page is the result"
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_thumbnails_follow_their_films_in_a_worklist_too(bundle, films, capsys):
    assert cli.main(["predict", str(bundle), "films", "--out", "one"]) == 0
    assert cli.main(["predict", str(bundle), "films", "--out", "two", "--worklist"]) == 0
    one, two = ((films.parent / name) for name in ("one", "two"))
    assert (one / "predictions.html").read_bytes() == (two / "predictions.html").read_bytes()
    lines = (two / "predictions.jsonl").read_text().splitlines()
    risks = [json.loads(line)["risk"] for line in lines]
    assert risks[0] is None and risks[1:] == sorted(risks[1:], reverse=True)


def test_several_bundles_answer_together_and_their_spread_is_shown(bundle, second, films, capsys):
    both = f"{bundle},{second}"
    assert cli.main(["predict", both, "films", "--out", "out"]) == 0
    with open(films.parent / "out" / "predictions.csv", newline="") as f:
        cells = list(csv.DictReader(f))
    for row in cells[:3]:
        low, mean, high = (float(row[f"{key}_normal"]) for key in ("low", "prob", "high"))
        assert low < mean < high and mean == pytest.approx((low + high) / 2, abs=2e-6)
        assert "of 2 bundles the risk reaches their own threshold" in row["decision"]
    assert "the mean of 2 bundles" in capsys.readouterr().err
    html = (films.parent / "out" / "predictions.html").read_text()
    assert "What 2 bundles together say" in html and "of the bundles</th>" in html
    assert "The bundle 1 (toy)" in html and "The bundle 2 (toy)" in html


@pytest.mark.parametrize(
    "words, told",
    [
        (["{a},gone"], "no bundle at gone"),
        (["{a},{a}"], "are one network"),
        (["{a},"], "as in A,B"),
        (["{a},{b}", "--coverage", "0.9"], "by one bundle alone"),
        (["{a}", "--coverage", "0.9", "--tta"], "leave out --tta"),
        (["{a}", "--out", ""], "--out has no name"),
        (["{a}", "--out", "films/a.png"], "is a file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(bundle, second, films, capsys, words, told):
    first, *rest = (word.format(a=bundle, b=second) for word in words)
    assert cli.main(["predict", first, "films", *rest]) in (2, 5)
    said = capsys.readouterr().err.splitlines()
    assert told in said[-1] and said[-1].startswith("cxr predict: ")


def test_a_folder_with_a_csv_of_another_verb_is_refused_before_the_bundle(films, capsys):
    (films.parent / "report").mkdir()
    kept = films.parent / "report" / "predictions.csv"
    kept.write_text("path,source,group,label\n")
    assert cli.main(["predict", "gone", "films", "--out", "report"]) == 2
    assert "`cxr predict` did not write" in capsys.readouterr().err
    assert kept.read_text() == "path,source,group,label\n"


def test_test_time_views_change_the_probabilities_and_the_page_says_so(bundle, films, capsys):
    answers = []
    for flags in ([], ["--tta"], ["--tta"]):
        assert cli.main(["predict", str(bundle), "films/a.png", "--json", *flags]) == 0
        said = capsys.readouterr()
        answers.append(json.loads(said.out)[0]["probs"])
        assert ("Thresholds and scores are of films as they are" in said.err) is bool(flags)
    assert answers[0] != answers[1] == answers[2]
    assert answers[1]["normal"] == pytest.approx(answers[0]["normal"], abs=0.2)
    assert cli.main(["predict", str(bundle), "films", "--tta", "--out", "out"]) == 0
    assert "the mean of 5 views" in (films.parent / "out" / "predictions.html").read_text()
