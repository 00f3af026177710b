"""model.onnx that is not what it claims to be: one refusal each.

python -m pytest tests/bundle/test_onnx_file.py
"""

import hashlib
import json

import onnx
import pytest
from onnx import helper
from toy_bundles import VOCAB, meta_of, put, restate

from cxr_fastai import core
from cxr_fastai.bundle.onnx_file import made_of
from cxr_fastai.bundle.store import load_bundle


def forge(folder, data):
    "Another graph, with its true hash."
    put(folder / "model.onnx", data)
    record = {**meta_of(folder)["onnx"], "sha256": hashlib.sha256(data).hexdigest()}
    restate(folder, onnx=record)


def changed(folder, change):
    "The same graph, changed."
    model = onnx.load(folder / "model.onnx")
    change(model)
    forge(folder, model.SerializeToString())


def refused(folder, match):
    with pytest.raises(core.IntegrityError, match=match) as e:
        load_bundle(folder, runtime="onnx")
    assert e.value.exit_code == 4 and "\n" not in str(e.value)


def test_a_changed_byte_is_refused_with_both_hashes(exported_copy):
    data = bytearray((exported_copy / "model.onnx").read_bytes())
    data[-1] ^= 1
    put(exported_copy / "model.onnx", bytes(data))
    refused(exported_copy, f"SHA-256 is {hashlib.sha256(data).hexdigest()}, its record says")


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_cut_file_is_refused(exported_copy, kept):
    data = (exported_copy / "model.onnx").read_bytes()[:kept]
    put(exported_copy / "model.onnx", data)
    refused(exported_copy, "was cut, damaged or replaced")


def test_a_missing_file_is_refused(exported_copy):
    (exported_copy / "model.onnx").unlink()
    refused(exported_copy, "model.onnx is missing: the bundle is not whole")


@pytest.mark.parametrize("data", [b"", b"\x80\x04cos\nsystem\n", b"\xff" * 99, b"<html></html>"])
def test_what_is_no_graph_is_refused(exported_copy, data):
    forge(exported_copy, data)
    refused(exported_copy, "is no ONNX file|takes nothing")


@pytest.mark.parametrize(
    "changes", [{"temperature": 2.0}, {"offsets": {}}, {"mean": 0.4}, {"vocab": VOCAB[::-1]}]
)
def test_a_graph_of_another_calibration_is_refused(exported_copy, changes):
    restate(exported_copy, **changes)
    refused(exported_copy, "exported from other weights, classes or calibration")


def test_a_graph_of_other_classes_is_refused(exported_copy):
    vocab = [*VOCAB, "fourth"]
    restate(exported_copy, vocab=vocab)
    meta = meta_of(exported_copy)
    restate(exported_copy, onnx={**meta["onnx"], "made_of": made_of(meta)})
    refused(exported_copy, "probabilities has the shape any x 3, expected any x 4 for 4 classes")


def test_a_graph_of_another_size_is_refused(exported_copy):
    restate(exported_copy, size=64)
    meta = meta_of(exported_copy)
    restate(exported_copy, onnx={**meta["onnx"], "made_of": made_of(meta)})
    refused(exported_copy, "gray has the shape any x 1 x 32 x 32, expected any x 1 x 64 x 64")


def put_outside(model):
    "Let a weight lie in a file beside the graph, as a reader of /etc/passwd would."
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def put_outside_in_a_node(model):
    tensor = helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["never"], value=tensor))


def put_outside_in_a_branch(model):
    tensor = helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    inner = helper.make_graph([], "inner", [], [], [tensor])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    model.graph.node.append(node)


@pytest.mark.parametrize("change", [put_outside, put_outside_in_a_node, put_outside_in_a_branch])
def test_weights_in_files_beside_are_refused(exported_copy, change):
    changed(exported_copy, change)
    refused(exported_copy, "keeps weights in a file beside it")


@pytest.mark.parametrize("domain", ["com.microsoft", "mine", "ai.onnx.ml"])
def test_operators_of_others_are_refused(exported_copy, domain):
    node = helper.make_node("Run", ["gray"], ["never"], domain=domain)
    changed(exported_copy, lambda model: model.graph.node.append(node))
    refused(exported_copy, f"runs an operator of '{domain}' .'Run'.")


def test_functions_of_its_own_are_refused(exported_copy):
    function = helper.make_function(
        "mine", "F", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])], []
    )
    changed(exported_copy, lambda model: model.functions.append(function))
    refused(exported_copy, "holds functions of its own")


def newer(model):
    model.ir_version = 999


def newer_operators(model):
    model.opset_import[0].version = 999


@pytest.mark.parametrize("change", [newer, newer_operators])
def test_a_graph_of_a_newer_onnx_names_what_to_update(exported_copy, change):
    changed(exported_copy, change)
    refused(exported_copy, "cannot be run by ONNX Runtime .*pip install -U onnxruntime")


def test_a_name_that_is_no_text_is_refused_and_nothing_is_printed(exported_copy, capfd):
    data = (exported_copy / "model.onnx").read_bytes()
    name = onnx.load_model_from_string(data).graph.node[0].op_type.encode()
    forge(exported_copy, data.replace(name, name[:-1] + b"\x98"))
    refused(exported_copy, "cannot be run by ONNX Runtime|is no ONNX file")
    assert capfd.readouterr() == ("", "")


def test_a_graph_without_features_is_refused(exported_copy):
    changed(exported_copy, lambda model: model.graph.output.pop())
    refused(exported_copy, "gives no features")


def test_a_graph_that_takes_something_else_is_refused(exported_copy):
    def rename(model):
        model.graph.input[0].name = "pixels"

    changed(exported_copy, rename)
    refused(exported_copy, "takes pixels: expected gray")


def test_an_operator_that_nobody_has_is_refused(exported_copy):
    node = helper.make_node("NoSuchThing", ["gray"], ["never"])
    changed(exported_copy, lambda model: model.graph.node.append(node))
    refused(exported_copy, "cannot be run by ONNX Runtime")


# ---- a file of its own


def alone(folder, tmp_path):
    "NAME.onnx and its record, as `cxr export --onnx FILE` writes them."
    file = tmp_path / "m.onnx"
    file.write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "m.onnx.json").write_text(json.dumps(meta_of(folder)))
    return file


def test_a_file_without_its_record_names_it(exported, tmp_path):
    file = alone(exported, tmp_path)
    (tmp_path / "m.onnx.json").unlink()
    with pytest.raises(core.UsageError, match="m.onnx.json is missing beside it"):
        load_bundle(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(core.UsageError, match="no such file: .*gone.onnx"):
        load_bundle(tmp_path / "gone.onnx")


def test_torch_cannot_compute_a_file_alone(exported, tmp_path):
    with pytest.raises(core.UsageError, match="holds no network for torch"):
        load_bundle(alone(exported, tmp_path), runtime="torch")


def test_the_record_of_a_newer_library_is_refused(exported, tmp_path):
    file = alone(exported, tmp_path)
    (tmp_path / "m.onnx.json").write_text(json.dumps({**meta_of(exported), "format_version": 9}))
    with pytest.raises(core.IntegrityError, match="a newer cxr_fastai wrote this"):
        load_bundle(file)


def test_a_folder_called_so_is_still_a_folder(exported_copy):
    folder = exported_copy.rename(exported_copy.with_name("odd.onnx"))
    assert load_bundle(folder, "cpu").path == folder
