"""What the fake sources share: a pen that counts, and catalogue rows.

python -m pytest tests/phantom/test_planted.py
"""

from cxr_fastai.phantom import (
    draw,
)
from cxr_fastai.phantom.planted import Writer, catalog_rows


def test_a_writer_remembers_what_it_drew_and_planted(tmp_path):
    writer = Writer(tmp_path, 32, seed=2)
    film = writer.film("normal", 7)
    assert (film == draw("normal", 2_000_001, 32, 2_000_007)).all() and writer.count == 1
    writer.image("a/x.png", film)
    writer.copy("a/x.png", "b/y.png")
    assert writer.films == ["a/x.png"]
    assert writer.planted.copies == [("a/x.png", "b/y.png", "bytes")]
    root = tmp_path / "mirror" / "local"
    assert (root / "b/y.png").read_bytes() == (root / "a/x.png").read_bytes()
    assert writer.planted.catalog == tmp_path / "data_manifest.csv"


def test_the_first_row_of_a_source_says_what_all_share():
    found = catalog_rows("s", {"title": "S"}, [{"label_value": "1"}, {"label_value": "0"}])
    assert found[0]["title"] == "S" and found[0]["handle"] == "s" and found[0]["label_value"] == "1"
    assert found[1] == {"source": "s", "label_value": "0"}
