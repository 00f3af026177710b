"""For all tests: one thread a process. With two, torch waits for busy cores many times longer than it computes."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # where it is set, every process of a test would compile torch again

# Files of tests that take seconds: left out of `make fast`. By the times of `make test`
# (pytest --durations=0); a new long file is added here.
MEDIUM = {
    "app/test_openapi.py",
    "app/test_hostile_requests.py",
    "app/test_hostile_films.py",
    "app/test_generated_client.py",
    "app/test_contract.py",
    "app/test_access_in_chromium.py",
    "app/test_page_in_chromium.py",
    "app/test_trouble_in_chromium.py",
    "app/test_viewer_in_chromium.py",
    "auditing/test_ask_folder.py",
    "bundle/test_bundle.py",
    "bundle/test_gates.py",
    "bundle/test_onnx_export.py",
    "bundle/test_onnx_file.py",
    "bundle/test_onnx_runtime.py",
    "bundle/test_store.py",
    "curation/copies/test_copies.py",
    "curation/copies/test_find.py",
    "curation/copies/test_scan.py",
    "curation/fetch/test_download.py",
    "curation/fetch/test_fetch_one.py",
    "curation/fetch/test_fetch_sources.py",
    "curation/fetch/test_hostile_archives.py",
    "curation/fetch/test_kaggle.py",
    "curation/folder/test_card.py",
    "curation/folder/test_croissant.py",
    "curation/folder/test_write.py",
    "curation/own/test_dicom_headers.py",
    "curation/sources/test_shards.py",
    "curation/test_engines.py",
    "curation/test_kill.py",
    "curation/test_pipeline.py",
    "curation/test_recipes.py",
    "curation/test_survive.py",
    "evaluation/test_bootstrap.py",
    "evaluation/test_compare.py",
    "evaluation/test_distinct.py",
    "evaluation/test_evaluate.py",
    "evaluation/test_multi_label.py",
    "evaluation/test_multi_label_intervals.py",
    "evaluation/test_multi_label_report.py",
    "evaluation/test_plots.py",
    "evaluation/test_single_label_intervals.py",
    "evaluation/test_single_label_report.py",
    "fuzz/test_command_line.py",
    "fuzz/test_longer.py",
    "fuzz/test_python_face.py",
    "gate/test_fit.py",
    "gate/test_gate.py",
    "gate/test_own_films.py",
    "hub/test_data_files.py",
    "images/test_hostile_images.py",
    "model_audit/test_road.py",
    "models/test_architectures.py",
    "models/test_densenets.py",
    "models/test_imagenet.py",
    "models/test_networks.py",
    "models/test_resnets.py",
    "models/test_starting.py",
    "models/test_weights.py",
    "phantom/test_film.py",
    "phantom/test_kermany.py",
    "phantom/test_layouts.py",
    "phantom/test_opacities.py",
    "serving/test_gate_asked.py",
    "serving/test_explain.py",
    "serving/test_heat_of.py",
    "serving/test_predict.py",
    "serving/test_sensitivity.py",
    "test_cli.py",
    "test_containers.py",
    "test_dicom_road.py",
    "test_medmnist.py",
    "test_notebooks.py",
    "test_official_tests.py",
    "test_recipe_roads.py",
    "test_road.py",
    "training/test_checkpoint.py",
    "training/test_distributed.py",
    "training/test_fit.py",
    "training/test_history.py",
    "training/test_mlflow_run.py",
    "training/test_network_check.py",
    "training/test_pixel_cache.py",
    "training/test_run.py",
    "training/test_trackio_run.py",
    "training/test_wandb_run.py",
    "verbs/test_export.py",
    "verbs/test_pickled.py",
    "verbs/test_push.py",
}


def pytest_collection_modifyitems(items):
    """Mark the tests of MEDIUM; all tests that want Ray run in one process, which starts it once."""
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).as_posix() in MEDIUM:
            item.add_marker(pytest.mark.medium)
        if "ray_here" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("ray"))


@pytest.fixture(scope="session")
def ray_here():
    "A real Ray of two CPUs, for all tests that want one: it takes seconds to start. Its workers import tests/ too."
    ray = pytest.importorskip("ray")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    )
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()
