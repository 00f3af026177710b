"""pytest tests/bundle/test_file_names.py"""

from cxr_fastai.bundle import file_names, files, gates, onnx_file


def test_a_name_is_stated_once_and_none_can_be_a_pickle():
    assert files.BUNDLE_JSON is file_names.BUNDLE_JSON and gates.GATE is file_names.GATE
    assert onnx_file.MODEL_ONNX is file_names.MODEL_ONNX
    endings = {name.rpartition(".")[2] for name in file_names.BUNDLE_FILES}
    assert endings == {"md", "json", "txt", "safetensors", "onnx"}


def test_bundle_json_comes_last():
    assert file_names.BUNDLE_FILES[-1] == "bundle.json"
