"""pytest tests/curation/folder/test_croissant_origin.py: sources as provenance, and what they allow"""

import mlcroissant as mlc
import pytest
from toy_sources import put, rule, write_catalog

from cxr_fastai.curation.folder.card import used_sources
from cxr_fastai.curation.folder.croissant import croissant
from cxr_fastai.curation.folder.croissant_origin import origin, usage
from cxr_fastai.curation.pipeline import curate

# Of the RAI vocabulary as mlcroissant 1.1 reads it: these hold one text, the others a list
ONE = {
    "rai:dataCollection",
    "rai:dataCollectionRawData",
    "rai:dataCollectionMissingData",
}


@pytest.fixture
def done(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    cells = {
        "open": dict(licence="CC BY 4.0", redistribute="yes", url="https://a.example/x"),
        "closed": dict(licence="CC BY-NC 4.0", redistribute="no"),
        "silent": dict(),
    }
    rows = []
    for k, (name, own) in enumerate(cells.items()):
        for i in range(4):
            put(tmp_path / name / ("norm", "tb")[i % 2] / f"{i}.png", 10 * k + i)
        rows += [
            rule(name, label_value="norm", findings="no_finding", **own),
            rule(name, first=False, label_value="tb", findings="tuberculosis"),
        ]
    return curate(tmp_path / "out", manifest=write_catalog(tmp_path / "c.csv", *rows), workers=1)


def test_each_source_is_an_entity_with_its_images_and_licence(done):
    said = origin(done, used_sources(done))
    entities = {each["sc:identifier"]: each for each in said["prov:wasDerivedFrom"]}
    assert set(entities) == {"open", "closed", "silent"}
    assert entities["open"]["sc:size"] == "4 images"
    assert entities["open"]["prov:atLocation"] == "https://a.example/x"
    assert "six_class" in said["prov:wasGeneratedBy"]["prov:label"]


def test_usage_is_told_a_source_and_commerce_is_forbidden_where_one_forbids_it(done):
    sources = used_sources(done)
    said = {each["name"]: each.get("text", "") for each in usage(done, sources)}
    assert said["open: CC BY 4.0"] == "4 images; may be shared on."
    assert said["closed: CC BY-NC 4.0"] == "4 images; may not be shared on."
    assert "not for profit, non commercial use only" in said
    one = [source for source in sources if source.id == "open"]
    assert len(usage(done, one)) == 1


def test_responsible_ai_has_one_text_or_a_list_as_the_vocabulary_asks(done):
    said = croissant(done, b"path")
    rai = {key: value for key, value in said.items() if key.startswith("rai:")}
    assert len(rai) > 8
    for key, value in rai.items():
        assert isinstance(value, str if key in ONE else list), key
    fields = mlc.Metadata.__dataclass_fields__
    for name, field in fields.items():
        url = str(field.metadata.get("url", "")) if field.metadata else ""
        key = "rai:" + url.rsplit("/", 1)[-1]
        if "croissant/RAI" in url and key in rai:
            assert (field.metadata["cardinality"] == "ONE") is (key in ONE), name
