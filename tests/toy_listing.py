"""A source of a few files and catalogue rows, listed."""

from collections import Counter

from toy_sources import write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree


def listing(tmp_path, *rows):
    c = load_catalog(write_catalog(tmp_path / "c.csv", *rows))
    source = next(iter(c.values()))
    return list_source(source, folder_tree(tmp_path / source.id))


def labels(listed):
    return {it.path: it.findings for it in listed.items}


def reasons(listed):
    return Counter((r.stage, r.reason) for r in listed.rejects)


TABLE = dict(
    glob="images/*.png",
    label_from="column",
    label_key="finding",
    table="m.csv",
    table_key="{id}",
    encoding="latin-1",
    patient="h:{patient}",
    age="{age}",
    sex="{sex}",
    view="{view}",
    view_keep="PA|AP|blank",
    modality="{modality}",
    modality_keep="X-ray",
)


def table(tmp_path, *rows):
    head = "id,patient,finding,view,modality,age,sex"
    (tmp_path / "one").mkdir(exist_ok=True)
    (tmp_path / "one/m.csv").write_bytes("\n".join([head, *rows, ""]).encode("latin-1"))
