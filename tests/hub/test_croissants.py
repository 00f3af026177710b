"""pytest tests/hub/test_croissants.py"""

import hashlib
import json

import pytest
from toy_shared import croissant

from cxr_fastai.core import IntegrityError, write_json
from cxr_fastai.hub.croissants import croissant_there


def test_the_description_names_the_manifest_and_the_folders_that_go(tmp_path):
    write_json(tmp_path / "croissant.json", croissant())
    told = json.loads(croissant_there(tmp_path / "croissant.json", b"a,b\n", ["train/b", "test/a"]))
    manifest, images = told["distribution"]
    sha256 = hashlib.sha256(b"a,b\n").hexdigest()
    assert (manifest["sha256"], manifest["contentSize"]) == (sha256, "4 B")
    assert images["includes"] == ["test/a/*.png", "train/b/*.png"]
    assert told["version"] == f"4.0.0+{sha256[:12]}" and told["name"] == "Toy classes"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"distribution": [1], "version": ""}', '{"a":'])
def test_another_file_of_that_name_is_refused(tmp_path, text):
    (tmp_path / "croissant.json").write_text(text)
    with pytest.raises(IntegrityError, match="cxr curate"):
        croissant_there(tmp_path / "croissant.json", b"", [])
