"""The files of a bundle: found, read, and bundle.json checked, all without torch.

python -m pytest tests/bundle/test_files.py
"""

import subprocess
import sys
from pathlib import Path

import pytest
from toy_bundles import meta_of, put, restate

from cxr_fastai import core, images
from cxr_fastai.bundle.files import check_alone, find_folder, read_bytes, read_meta
from cxr_fastai.bundle.store import load_bundle


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe{}", b"[" * 100_000, b"null"])
def test_other_text_than_our_json_is_refused(copied, text):
    put(copied / "bundle.json", text)
    with pytest.raises(core.IntegrityError, match="bundle.json"):
        load_bundle(copied)


def test_json_that_smuggles_nan_is_refused(copied):
    put(
        copied / "bundle.json",
        (copied / "bundle.json").read_bytes().replace(b'"mean": 0.5', b'"mean": NaN'),
    )
    with pytest.raises(core.IntegrityError, match="NaN"):
        load_bundle(copied)


def test_another_decoder_is_said_aloud(copied):
    restate(copied, decoder_version=images.DECODER_VERSION + 1)
    with pytest.warns(UserWarning, match="probabilities may differ"):
        load_bundle(copied)


def test_a_folder_is_found_directly_or_as_a_runs(made):
    assert find_folder(made) == find_folder(made.parent) == made


def test_a_file_that_is_a_folder_is_a_storage_error(tmp_path):
    with pytest.raises(core.StorageError, match="cannot read"):
        read_bytes(tmp_path)


def test_a_missing_file_says_how_it_is_had_again(tmp_path):
    with pytest.raises(core.IntegrityError, match="not whole. Copy it again from where"):
        read_bytes(tmp_path / "gate.safetensors")
    with pytest.raises(core.IntegrityError, match="not whole. Export it again: `cxr export BUNDLE"):
        read_bytes(tmp_path / "model.onnx")


def test_the_graph_inside_a_bundle_is_asked_by_its_folder(copied):
    put(copied / "model.onnx", b"")
    with pytest.raises(
        core.UsageError, match="is part of a bundle: give its folder, and --runtime"
    ):
        check_alone(copied / "model.onnx")


def test_bundle_json_is_read_without_torch(made):
    script = (
        "import sys; from pathlib import Path; from cxr_fastai.bundle import files; "
        "from cxr_fastai.bundle.model_card import card; "
        "print(files.find_folder(Path(sys.argv[1])), 'torch' in sys.modules)"
    )
    house = Path(core.__file__).parents[1]
    printed = subprocess.check_output([sys.executable, "-c", script, made], cwd=house, text=True)
    assert printed.split() == [str(made), "False"]


def test_what_is_read_is_what_was_saved(made):
    assert read_meta(made / "bundle.json") == meta_of(made)


# ---- a training that was cut short


@pytest.mark.parametrize("place", ["", "bundle"])
def test_a_run_without_its_bundle_names_the_way_to_finish_it(tmp_path, place):
    run = tmp_path / "a run"
    run.mkdir()
    (run / "checkpoint.pt").write_bytes(b"x")
    (run / "history.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    with pytest.raises(core.UsageError) as e:
        load_bundle(run / place)
    said = str(e.value)
    assert f"`cxr train DATA --out '{run}' --resume`" in said
    assert f'train(DATA, out="{run}", resume=True)' in said and "2 epochs" in said


def test_a_folder_that_is_no_run_is_not_called_one(tmp_path):
    with pytest.raises(core.UsageError, match="no bundle at"):
        find_folder(tmp_path / "gone")


def test_a_folder_around_a_run_names_the_run(made, tmp_path):
    for name in ("fold_0", "fold_1"):
        (tmp_path / "runs" / name / "bundle").mkdir(parents=True)
        (tmp_path / "runs" / name / "bundle" / "bundle.json").write_text("{}")
        with pytest.raises(core.UsageError, match=f"itself: give .*{name}.$"):
            find_folder(tmp_path / "runs")
