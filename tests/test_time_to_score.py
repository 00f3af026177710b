"""pytest tests/test_time_to_score.py

benchmarks/time_to_score.py: both sides get the same films, the clock ends at the aim, what was run
is not run again, and the tables say what the lines do.
"""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from toy_pixels import folder


@pytest.fixture
def clocked_runs(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import clocked_runs

    return clocked_runs


@pytest.fixture
def contest(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import time_to_score

    return time_to_score


@pytest.fixture
def said(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import contest_tables

    return contest_tables


def line(contest, side="library", seed=0, seconds=10.0, reached=True, **own):
    told = dict(
        task="scratch",
        side=side,
        seed=seed,
        aim=0.95,
        reached=reached,
        seconds=seconds,
        cpu=2 * seconds,
        auroc=0.96,
        best=0.96,
        epochs=3,
        ready=1.0,
        imports=5.0,
        curve=[[seconds, 0.96]],
        threads=2,
        device="cpu",
        precision="bf16",
        idle=None,
    )
    return contest.Line(**{**told, **own})


# ---- the films


def test_both_sides_have_the_same_films_and_no_test_film(clocked_runs, tmp_path):
    manifest = folder(tmp_path / "data")
    few = clocked_runs.chosen(manifest, 10)
    splits = [row.split for row in few.rows]
    assert (splits.count("train"), splits.count("valid"), len(splits)) == (10, 8, 18)
    assert few.rows == clocked_runs.chosen(manifest, 10).rows
    clocked_runs.linked(few, tmp_path / "films")
    clocked_runs.linked(few, tmp_path / "films")
    files = [p.relative_to(tmp_path / "films") for p in (tmp_path / "films").rglob("*.png")]
    assert sorted(map(str, files)) == sorted(f"{row.split}/{row.path}" for row in few.rows)
    assert all((tmp_path / "films" / file).exists() for file in files)


def test_none_is_left_out_where_all_are_asked_for(clocked_runs, tmp_path):
    manifest = folder(tmp_path)
    for n in (0, 24, 1000):
        rows = clocked_runs.chosen(manifest, n).rows
        assert [row.split for row in rows].count("train") == 24


# ---- the clock


def test_of_two_classes_the_score_is_the_auroc(clocked_runs):
    preds = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    targs = torch.arange(50) % 2
    expected = roc_auc_score(targs.numpy(), preds.softmax(1)[:, 1].numpy())
    assert clocked_runs.mean_auroc(preds, targs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("auroc", "stops"),
    [(0.899, False), (0.9, True), (0.99, True)],
)
def test_the_clock_ends_with_the_epoch_that_reaches_the_aim(clocked_runs, auroc, stops):
    clocked = clocked_runs.Clocked(imports=0.0)
    watch = clocked_runs.Watch(begun=0.0, aim=0.9, clocked=clocked)
    recorder = SimpleNamespace(
        metric_names=["epoch", "mean_auroc", "time"], log=[0, auroc, "00:01"]
    )
    watch.learn = SimpleNamespace(recorder=recorder)
    if stops:
        with pytest.raises(KeyboardInterrupt):
            watch.after_epoch()
    else:
        watch.after_epoch()
    assert (clocked.reached, clocked.auroc, len(clocked.seconds)) == (stops, [auroc], 1)


@pytest.mark.parametrize("side", ["library", "stock"])
@pytest.mark.parametrize("aim", [0.0, 2.0])
def test_each_side_trains_and_is_clocked(clocked_runs, monkeypatch, tmp_path, side, aim):
    manifest = folder(tmp_path / "data", splits={"train": 16, "valid": 8, "test": 2})
    monkeypatch.setattr(clocked_runs, "read_manifest", lambda data: manifest)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    clocked_runs.linked(clocked_runs.chosen(manifest, 0), tmp_path / "films")
    clocked = clocked_runs.clock(
        clocked_runs.Asked(
            side=side,
            data="",
            films=str(tmp_path / "films"),
            n_train=0,
            arch="resnet18",
            weights="none",
            size=32,
            seed=0,
            aim=aim,
            own=dict(epochs=2, bs=8, lr=1e-3),
            workers=0,
        )
    )
    epochs = 1 if aim == 0 else 2
    assert clocked.reached == (aim == 0)
    assert len(clocked.auroc) == len(clocked.seconds) == epochs
    assert clocked.seconds == sorted(clocked.seconds)
    assert clocked.seconds[0] > clocked.ready > 0
    assert clocked.cpu[0] > 0 and clocked.cpu == sorted(clocked.cpu)


# ---- what was run is not run again


def arguments(monkeypatch, *args):
    monkeypatch.setattr("sys.argv", ["time_to_score.py", *map(str, args)])


@pytest.fixture
def faked(contest, monkeypatch, tmp_path):
    "The contest on toy films, whose runs are made up: the list of those that ran."
    manifest = folder(tmp_path / "data")
    ran = []

    def clocked(run, asked):
        if len(ran) == faked_cut[0]:
            faked_cut[0] = None
            raise SystemExit("cut")
        ran.append((run.side, run.seed, run.aim))
        auroc = 0.9 if run.own.get("lr") == 1e-2 else 0.9321
        seconds = 40.0 if run.side.startswith("stock") else 10.0
        return line(
            contest, run.side, run.seed, seconds, aim=run.aim, auroc=auroc, curve=[[seconds, auroc]]
        )

    faked_cut = [None]
    monkeypatch.setattr(contest, "read_manifest", lambda data: manifest)
    monkeypatch.setattr(contest, "clocked", clocked)
    return ran, faked_cut


def test_the_sides_take_turns_and_a_cut_contest_goes_on(
    contest, faked, monkeypatch, tmp_path, capsys
):
    ran, cut = faked
    out = tmp_path / "out"
    arguments(
        monkeypatch,
        "DATA",
        "--out",
        out,
        "--tasks",
        "scratch",
        "--seeds",
        "0,1",
        "--aims",
        "scratch=.95",
    )
    cut[0] = 2
    with pytest.raises(SystemExit, match="cut"):
        contest.main()
    contest.main()
    contest.main()
    assert ran == [(side, seed, 0.95) for seed in (0, 1) for side in ("library", "stock")]
    text = capsys.readouterr().out
    assert "4.0 times as fast (median of 2 seeds; 4.0 to 4.0)" in text
    assert (out / "time_to_score.md").read_text().strip() in text
    numbers = json.loads((out / "time_to_score.json").read_text())
    assert len(numbers["lines"]) == 4


def test_stocks_plateau_becomes_the_aim_before_the_contest(
    contest, faked, monkeypatch, tmp_path, capsys
):
    ran, _ = faked
    arguments(monkeypatch, "DATA", "--out", tmp_path / "out", "--tasks", "scratch", "--seeds", "0")
    contest.main()
    assert [aim for _, _, aim in ran] == [2.0, 2.0, 0.93, 0.93]
    assert [seed for _, seed, _ in ran] == [100, 100, 0, 0]
    text = capsys.readouterr().out
    assert "to a validation AUROC of 0.93;" in text and "stock: epochs 5, lr 0.003, bs 32" in text
    assert text.count("| stock: epochs 5, lr") == 2


def test_it_stops_after_as_many_runs_as_it_is_told(contest, faked, monkeypatch, tmp_path, capsys):
    ran, _ = faked
    arguments(
        monkeypatch,
        "DATA",
        "--out",
        tmp_path / "out",
        "--tasks",
        "scratch",
        "--seeds",
        "0",
        "--runs",
        "1",
    )
    for done in (1, 2, 3, 4, 4):
        contest.main()
        assert len(ran) == done
    assert ran[2][0] == "library", "no contest before all rates were explored"


def test_a_run_that_fails_is_told(contest, monkeypatch, tmp_path):
    failed = SimpleNamespace(returncode=1, stdout="", stderr="no such film")
    monkeypatch.setattr(contest.subprocess, "run", lambda *args, **kwargs: failed)
    asked = SimpleNamespace(data="DATA", out=tmp_path, train=0, size=32)
    run = contest.Run(contest.TASKS["scratch"], "library", {}, 0, 0.9)
    with pytest.raises(SystemExit, match="scratch, library, seed 0 failed:\nno such film"):
        contest.clocked(run, asked)


def test_a_line_says_what_the_process_said(contest, monkeypatch, tmp_path):
    told = dict(
        imports=5.0,
        ready=1.0,
        seconds=[2.0, 3.0],
        cpu=[3.5, 5.5],
        auroc=[0.97, 0.96],
        reached=True,
        threads=2,
        device="cpu",
        precision="fp32",
    )
    given = []

    def run(command, env, **kwargs):
        given.append((json.loads(kwargs["input"]), env["CXR_CACHE"]))
        return SimpleNamespace(returncode=0, stdout="a warning\n" + json.dumps(told), stderr="")

    monkeypatch.setattr(contest.subprocess, "run", run)
    asked = SimpleNamespace(data="DATA", out=tmp_path, train=7, size=32)
    got = contest.clocked(
        contest.Run(contest.TASKS["scratch"], "stock: lr 0.1", {"lr": 0.1}, 4, 0.9), asked
    )
    assert (got.seconds, got.cpu, got.auroc, got.best, got.epochs) == (3.0, 5.5, 0.96, 0.97, 2)
    what, cache = given[0]
    assert (what["side"], what["seed"], what["n_train"], what["own"]) == (
        "stock",
        4,
        7,
        {"lr": 0.1},
    )
    assert not Path(cache).exists(), "an empty cache of its own"


@pytest.mark.parametrize("name", ["scratch", "pretrained"])
def test_the_settings_of_a_contest_are_settings(contest, clocked_runs, name):
    task = contest.TASKS[name]
    from cxr_fastai.train_settings import Train

    for own in (task.library, *[{**task.library, **less} for less in task.variants.values()]):
        settings = asdict(Train(arch=task.arch, weights=task.weights, **own))
        assert own.items() <= settings.items()
    for own in task.explored:
        assert own.items() <= asdict(clocked_runs.Stock(**own)).items()


# ---- the tables


def test_the_ratio_is_seed_by_seed(contest, said):
    lines = [
        *(
            line(contest, "library", seed, seconds)
            for seed, seconds in enumerate([10.0, 20.0, 10.0])
        ),
        *(line(contest, "stock", seed, seconds) for seed, seconds in enumerate([40.0, 60.0, 90.0])),
    ]
    lines[3:] = [said.replace(one, cpu=one.seconds) for one in lines[3:]]
    assert said.verdict(lines) == [
        "The library is 4.0 times as fast (median of 3 seeds; 3.0 to 9.0). In CPU seconds, which other "
        "programs change less, 2.0 times."
    ]


def test_a_stock_that_did_not_reach_the_aim_makes_it_a_least(contest, said):
    lines = [line(contest), line(contest, "stock", seconds=50.0, reached=False, auroc=0.9)]
    (told,) = said.verdict(lines)
    assert "at least, since stock did not always reach it. In CPU" in told
    text = "\n".join(said.contest_table(contest.TASKS["scratch"], lines, 96))
    assert "| stock | 0 | not in 50.0 | 100 | 0.9000 |" in text


def test_a_library_that_did_not_reach_the_aim_is_not_fast(contest, said):
    lines = [line(contest, reached=False), line(contest, "stock", seconds=50.0)]
    assert said.verdict(lines) == ["The library did not reach the aim from seeds [0]."]


def test_what_is_taken_away_is_held_against_the_whole(contest, said):
    lines = [line(contest), line(contest, "in fp32", seconds=15.0, reached=False)]
    assert said.verdict(lines)[-1] == (
        "in fp32: 1.50 times the library's seconds (1.50 to 1.50), and not always to the aim."
    )


def test_other_aims_are_another_table(contest, said):
    task = said.replace(contest.TASKS["scratch"], aim=0.95)
    lines = [
        line(contest, seconds=11.0),
        line(contest, aim=0.85, seconds=7.0),
        line(contest, "stock: lr 0.1", 100, seconds=90.0, aim=2.0),
    ]
    text = "\n".join(said.tables([task], lines, 96))
    assert "| 11.0 | 22 |" in text and "| 7.0 |" not in text
    assert "| stock: lr 0.1 | 0.9600 | 0.9600 | 3 | 90.0 |" in text


@pytest.mark.parametrize(
    ("curves", "aim", "lr"),
    [
        # the plateau is the best of the last epochs, not of all; rounded down
        ({3e-3: [[10, 0.97], [20, 0.9449]], 1e-2: [[10, 0.5], [20, 0.93]]}, 0.94, 3e-3),
        # the rate is the one that reached it first, be its end worse
        ({3e-3: [[10, 0.5], [20, 0.951]], 1e-2: [[10, 0.96], [20, 0.93]]}, 0.95, 1e-2),
        ({3e-3: [[20, 0.955]], 1e-2: [[30, 0.9551]]}, 0.955, 3e-3),
    ],
)
def test_the_aim_and_the_rate_follow_from_what_stock_did(contest, said, curves, aim, lr):
    task = contest.TASKS["scratch"]
    lines = []
    for own in task.explored:
        curve = curves[own["lr"]]
        lines.append(
            line(contest, said.rate_name(own), 100, aim=2.0, curve=curve, auroc=curve[-1][1])
        )
    found = said.with_aim(task, lines, {})
    assert (found.aim, found.stock["lr"]) == (aim, lr)
    assert said.with_aim(task, lines[:1], {}).aim == 2.0, "not before all were explored"
    assert said.with_aim(task, lines, {"scratch": 0.7}).aim == 0.7


def test_a_line_goes_to_its_file_and_back(contest, tmp_path):
    one = line(contest, idle=0.25)
    contest._keep(one, tmp_path)
    assert contest._lines(tmp_path) == [one]
    assert asdict(one)["idle"] == 0.25
