"""pytest tests/hub/test_shipment.py"""

import hashlib
import json

import pytest

from cxr_fastai.core import StorageError
from cxr_fastai.hub.shipment import LeftOut, Shipment, of_bytes, of_file


def test_a_file_has_its_size_and_hash_from_disk_or_memory(tmp_path):
    (tmp_path / "a").write_bytes(b"film")
    for parcel in (of_file("x/a", tmp_path / "a"), of_bytes("x/a", b"film")):
        assert (parcel.path, parcel.size) == ("x/a", 4)
        assert parcel.sha256 == hashlib.sha256(b"film").hexdigest()
    with pytest.raises(StorageError):
        of_file("x", tmp_path / "none")


def test_all_of_it_but_the_contents_is_json():
    card = of_bytes("README.md", b"# Card")
    one = Shipment("model", "toy", "a/b", (card,), (LeftOut("x.pkl", "a pickle"),), "mit")
    told = json.loads(json.dumps(one.to_dict()))
    assert told["card"] == "# Card" and told["left_out"] == [{"name": "x.pkl", "why": "a pickle"}]
    assert told["files"] == [{"path": "README.md", "bytes": 6, "sha256": card.sha256}]
    assert one.summary == "1 file, 6 bytes" and one.called == "cxr push: toy"
