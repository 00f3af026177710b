"""pytest tests/training/test_tracked_files.py"""

from cxr_fastai.bundle.file_names import BUNDLE_FILES
from cxr_fastai.training.tracked_files import tracked_files


def test_all_goes_but_the_list_of_patients_and_what_is_no_file_of_a_bundle(tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name in (*BUNDLE_FILES, "learner.pkl", "notes.txt"):
        (bundle / name).write_text("x")
    (tmp_path / "history.csv").write_text("x")
    (tmp_path / "best.safetensors").write_text("x")
    found = tracked_files(tmp_path, bundle)
    going = set(BUNDLE_FILES) - {"trained_on.txt"}
    assert set(found) == {"history.csv"} | {f"bundle/{name}" for name in going}
    assert all(file.is_file() for file in found.values())


def test_of_a_run_that_failed_its_history_goes(tmp_path):
    (tmp_path / "history.csv").write_text("x")
    assert list(tracked_files(tmp_path, None)) == ["history.csv"]
