"""pytest tests/test_gpu_benchmark.py

benchmarks/gpu.py: refuses in a line where there is no GPU, measures nothing twice, names what no
time was left for; its whole road at toy size is slow.
"""

import json
import os
import time
from pathlib import Path

import pytest


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import gpu

    return gpu


@pytest.fixture
def gpu_use(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import gpu_use

    return gpu_use


def called(gpu, monkeypatch, *args) -> int:
    monkeypatch.setattr("sys.argv", ["gpu.py", *map(str, args)])
    return gpu.main()


def test_where_there_is_no_gpu_it_says_so_in_a_line(gpu, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    assert called(gpu, monkeypatch, "--out", tmp_path / "out") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("no GPU:") and told.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_step_is_refused(gpu, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        called(gpu, monkeypatch, "--out", tmp_path, "--steps", "speed,heat")
    assert "heat: expected speed, score, ladder" in capsys.readouterr().err


def steps(gpu, monkeypatch) -> list[str]:
    "The steps, faked: the names of those that ran."
    ran = []
    row = dict(folder="films", recipe="own", failed="no class has images")
    speeds = dict(
        images_a_second={"stock fastai, fp32": 100.0, "library": 350.0, "ceiling": 360.0},
        idle={"stock fastai, fp32": 0.6, "library": 0.02, "ceiling": None},
    )
    speeds["verdict"] = gpu._speed_verdict(speeds["images_a_second"])
    found = {"speed": speeds, "score": dict(table="a table"), "ladder": dict(rows=[row])}

    def way(name):
        def run(job):
            ran.append(name)
            return found[name]

        return run

    monkeypatch.setattr(gpu, "_WAYS", {name: way(name) for name in found})
    monkeypatch.setattr(gpu.speed_of_steps, "machine", lambda arch: "this machine")
    return ran


def test_what_was_measured_is_not_measured_again(gpu, monkeypatch, tmp_path, capsys):
    ran = steps(gpu, monkeypatch)
    args = [tmp_path / "films", "--device", "cpu", "--quick", "--out", tmp_path / "out"]
    assert called(gpu, monkeypatch, *args, "--steps", "speed") == 0
    assert called(gpu, monkeypatch, *args) == 0
    assert ran == ["speed", "score", "ladder"]
    page = (tmp_path / "out" / "gpu.md").read_text()
    assert "| library | 350.0 | 2 % |" in page
    assert "library: 97.2 % of its ceiling (95 %: reached)." in page
    assert "3.50 times stock (3: reached)." in page
    assert "a table" in page and "no class has images" in page
    assert page in capsys.readouterr().out


def test_what_no_time_is_left_for_is_named(gpu, monkeypatch, tmp_path):
    ran = steps(gpu, monkeypatch)
    args = [tmp_path / "films", "--device", "cpu", "--quick", "--out", tmp_path, "--minutes", "0"]
    assert called(gpu, monkeypatch, *args) == 0
    assert ran == []
    numbers = json.loads((tmp_path / "gpu.json").read_text())
    assert numbers["left_out"] == dict.fromkeys(["speed", "score", "ladder"], "the time was over")
    assert "Not measured: ladder: the time was over." in (tmp_path / "gpu.md").read_text()


@pytest.mark.parametrize(
    ("median", "of_ceiling", "of_stock"),
    [
        ({}, {}, None),
        ({"stock fastai, fp16": 100.0}, {}, None),
        (
            {
                "stock fastai, fp32": 50.0,
                "stock fastai, fp16": 100.0,
                "library": 90.0,
                "ceiling": 100.0,
            },
            {"library": 0.9},
            0.9,
        ),
    ],
)
def test_the_library_is_held_against_the_best_of_stock(gpu, median, of_ceiling, of_stock):
    assert gpu._speed_verdict(median) == dict(of_ceiling=of_ceiling, of_stock=of_stock)


def test_a_folder_is_trained_by_its_recipe(gpu, monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    own = dict(arch="cnn", size=32, epochs=1, bs=8, **gpu.FROM_SCRATCH)
    sizes = gpu.Sizes("cnn", 32, 8, 1, 1, 24, 0, None, own)
    monkeypatch.setattr(gpu, "DRAWN", {"pneumonia": "kermany_kaggle"})
    folders = gpu.drawn(tmp_path, sizes.drawn, 64)
    assert gpu.drawn(tmp_path, sizes.drawn, 64) == folders
    rows = gpu.ladder(gpu.Job(folders, tmp_path, sizes, gpu.time.monotonic() + 60))["rows"]
    assert [row["recipe"] for row in rows] == ["pneumonia"]
    assert rows[0]["epochs"] == rows[0]["of_epochs"] == 1 and 0 <= rows[0]["auroc"] <= 1
    late = gpu.Job(folders, tmp_path, sizes, gpu.time.monotonic())
    assert gpu.ladder(late)["rows"] == [dict(folder="pneumonia", left_out="no time was left")]


# ---- the GPU's idle share


def test_the_idle_share_is_what_nvidia_smi_tells(gpu_use, monkeypatch, tmp_path):
    told = tmp_path / "told"
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f"#!/bin/sh\nprintf '50\\n100\\n[N/A]\\n75\\n'\ntouch {told}\nexec sleep 60\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with gpu_use.gpu_use() as use:
        while not told.exists():
            time.sleep(0.01)
    assert use.percents == [50.0, 100.0, 75.0]
    assert use.idle == 0.25


def test_without_nvidia_smi_there_is_no_share(gpu_use, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with gpu_use.gpu_use() as use:
        pass
    assert use.idle is None


@pytest.mark.slow
def test_the_whole_road_at_toy_size(gpu, monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    assert called(gpu, monkeypatch, "--device", "cpu", "--quick", "--out", tmp_path / "out") == 0
    numbers = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert set(numbers["speed"]["images_a_second"]) >= {"library", "ceiling", "stock fastai, fp32"}
    assert numbers["speed"]["verdict"]["of_stock"] > 0
    assert "lines" in numbers["score"] and len(numbers["ladder"]["rows"]) == 2
