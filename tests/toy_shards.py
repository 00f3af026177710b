"""Shards of a few records, and a source that holds them."""

import io

from PIL import Image
from toy_sources import gray, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.phantom.shards import example, shard

NONE, MASS, EDEMA = "No Finding", "Mass", "Edema"


RULES = [
    rule(
        label_from="shard",
        glob="*.tfrec",
        label_value=NONE,
        findings="no_finding",
        patient="nih:{pid}",
        name_regex=r"^(?P<pid>\d{8})_\d{3}",
    ),
    rule(first=False, label_value=MASS, findings="mass"),
    rule(first=False, label_value=EDEMA, findings="edema"),
]


def record(i=1, image=b"a picture", **change) -> dict:
    "Features of an image of patient `i`, a mass in it; a change of None takes one away."
    cells = {
        "image": image,
        "image_id": f"{i:08d}_000.png",
        NONE: 0,
        MASS: 1,
        EDEMA: 0,
        **{k.replace("_", " ") if k == "No_Finding" else k: v for k, v in change.items()},
    }
    return {k: v for k, v in cells.items() if v is not None}


def source_of(tmp_path, rows=RULES):
    return load_catalog(write_catalog(tmp_path / "c.csv", *rows))["one"]


def listing(tmp_path, *files, rows=RULES, name="000-3.tfrec", source=None):
    "The listing of a source of one shard for each of the bytes."
    (tmp_path / "one").mkdir(exist_ok=True)
    for i, data in enumerate(files):
        (tmp_path / "one" / name.replace("0", str(i), 1)).write_bytes(data)
    return list_source(source or source_of(tmp_path, rows), folder_tree(tmp_path / "one"))


def names(listed):
    return [it.path.split("#")[1][:8].lstrip("0") for it in listed.items]


def jpeg(seed=0, size=(72, 64)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(gray(seed, size)).save(out, "JPEG")
    return out.getvalue()


THREE = shard(example(record(i)) for i in (1, 2, 3))


LENGTH = len(THREE) // 3
