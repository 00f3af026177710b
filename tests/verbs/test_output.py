"""What verbs print."""

import json

from cxr_fastai.verbs.output import baselines_of, fail, print_json, print_result


class Result:
    def to_dict(self):
        return {"name": "Tübingen"}

    def __str__(self):
        return "in words"


def test_a_result_is_printed_as_text_or_as_json_with_its_letters(capsys):
    print_result(Result(), as_json=False)
    assert capsys.readouterr().out == "in words\n"
    print_result(Result(), as_json=True)
    text = capsys.readouterr().out
    assert json.loads(text) == Result().to_dict() and "Tübingen" in text
    assert print_json([1]) == 0


def test_an_error_is_one_line_on_stderr_that_commands_no_terminal(capsys):
    assert fail("train", "a\nb\x1b", 4) == 4
    streams = capsys.readouterr()
    assert streams.err == "cxr train: a b\\x1b\n" and streams.out == ""


def test_baselines_are_the_bundles_that_came_to_their_end(tmp_path):
    for arch, name in (("cnn", "bundle.json"), ("resnet18", "model.safetensors")):
        bundle = tmp_path / "beside" / arch / "bundle"
        bundle.mkdir(parents=True)
        (bundle / name).write_text("{}")
    assert baselines_of(tmp_path) == {"cnn": tmp_path / "beside/cnn/bundle"}
