"""pytest tests/curation/folder/test_croissant.py: croissant.json, read back by mlcroissant, Croissant's own reader"""

import json
import subprocess
import sys
from dataclasses import replace

import mlcroissant as mlc
import pytest
from toy_sources import put, rule, write_catalog

from cxr_fastai.core import SPLITS, CxrError, FolderWarning, write_json
from cxr_fastai.curation.fetch import SOURCE_IN_PARTS, SOURCE_LEFT_ASIDE
from cxr_fastai.curation.folder.croissant import CROISSANT, IN_IMAGES, croissant
from cxr_fastai.curation.folder.croissant_terms import LICENCES
from cxr_fastai.curation.folder.result import UNEXPECTED_OVERLAP
from cxr_fastai.curation.folder.sentences import warning_line
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.manifest import COLUMNS, read_manifest
from cxr_fastai.phantom import MIN_IMAGES_PER_CLASS, write_sources
from cxr_fastai.reporting.text import count

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib.*")


def described(done):
    "Write croissant.json of a curated folder; what it says."
    said = croissant(done, (done.out / "manifest.csv").read_bytes())
    write_json(done.out / CROISSANT, said)
    return said


def read(folder):
    return mlc.Dataset(jsonld=str(folder / CROISSANT))


def text(v):
    return v.decode() if isinstance(v, bytes) else v


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    "A curation of the drawn sources."
    root = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(root / "cache"))
        planted = write_sources(root, MIN_IMAGES_PER_CLASS, 48)
        done = curate(root / "out", manifest=planted.catalog, mirror=planted.mirror, workers=1)
    described(done)
    return done


def toy(root, monkeypatch, *sources, **how):
    "A curation of four images for each source, given as the cells of its first row."
    monkeypatch.setenv("CXR_CACHE", str(root / "cache"))
    rows = []
    for k, cells in enumerate(sources):
        name = f"s{k}"
        for i in range(4):
            put(root / name / ("norm", "tb")[i % 2] / f"{i}.png", 10 * k + i)
        rows += [
            rule(name, label_value="norm", findings="no_finding", **cells),
            rule(name, first=False, label_value="tb", findings="tuberculosis"),
        ]
    return curate(root / "out", manifest=write_catalog(root / "c.csv", *rows), workers=1, **how)


def test_mlcroissant_finds_no_error_and_misses_only_a_date_of_publication(drawn, caplog):
    issues = read(drawn.out).metadata.ctx.issues
    assert not issues.errors
    assert [w.split("Property ")[1] for w in issues.warnings] == [
        '"https://schema.org/datePublished" is recommended, but does not exist.'
    ]
    assert "not standard" not in caplog.text


def test_the_rows_come_back_as_the_manifest_holds_them(drawn):
    rows = read_manifest(drawn.out).rows
    records = {text(r["rows/path"]): r for r in read(drawn.out).records("rows")}
    assert len(records) == len(rows) > 40
    for row in rows:
        r = records[row.path]
        assert {k.removeprefix("rows/") for k in r} == set(COLUMNS)
        assert (r["rows/width"], r["rows/height"]) == (int(row.width), int(row.height))
        assert [text(f) for f in r["rows/findings"]] == row.findings.split("|")
        for c in (
            "sha256",
            "pixel_sha256",
            "source",
            "original_path",
            "label",
            "split",
            "licence",
            "mode",
        ):
            assert text(r[f"rows/{c}"]) == getattr(row, c)
        assert r["rows/age"] == (float(row.age) if row.age else None)


def test_the_images_come_back_with_their_own_labels_and_splits(drawn):
    rows = {r.path: r for r in read_manifest(drawn.out).rows}
    records = list(read(drawn.out).records("images"))
    assert sorted(text(r["images/path"]) for r in records) == sorted(rows)
    for r in records:
        row = rows[text(r["images/path"])]
        assert r["images/image"].size == (int(row.width), int(row.height))
        for c in set(IN_IMAGES) - {"findings"}:
            assert text(r[f"images/{c}"]) == getattr(row, c)


def test_splits_and_classes_are_enumerated(drawn):
    data = read(drawn.out)
    assert [text(r["splits/name"]) for r in data.records("splits")] == list(SPLITS)
    assert [text(r["classes/slug"]) for r in data.records("classes")] == drawn.recipe.vocab


def test_a_manifest_that_was_changed_afterwards_is_refused_by_its_hash(drawn, tmp_path):
    data = (drawn.out / "manifest.csv").read_bytes()
    (tmp_path / CROISSANT).write_bytes((drawn.out / CROISSANT).read_bytes())
    (tmp_path / "manifest.csv").write_bytes(data.replace(b",train,", b",test,", 1))
    with pytest.raises(Exception, match="manifest.csv") as e:
        list(read(tmp_path).records("rows"))
    assert "Hash of downloaded file" in str(e.value.__cause__)


def test_the_same_curation_gives_the_same_bytes_and_names_no_folder_of_this_machine(drawn):
    data = (drawn.out / "manifest.csv").read_bytes()
    again = replace(drawn, out=drawn.out / "elsewhere")
    assert json.dumps(croissant(again, data)) == json.dumps(
        json.loads((drawn.out / CROISSANT).read_text("utf-8"))
    )
    assert str(drawn.out.parent) not in json.dumps(croissant(drawn, data))
    other = croissant(drawn, data + b"\n")
    assert other["version"] != croissant(drawn, data)["version"]


def test_licences_stand_the_strictest_first_as_urls_where_known(tmp_path, monkeypatch):
    done = toy(
        tmp_path,
        monkeypatch,
        dict(licence="CC0"),
        dict(licence="CC BY 4.0"),
        dict(licence="none stated", redistribute="unknown"),
        dict(licence='"as is"', redistribute="no"),
        dict(licence="CC BY-NC-SA 4.0"),
    )
    said = described(done)
    assert said["license"] == [
        's3: "as is"',
        "s2: none stated",
        LICENCES["CC BY-NC-SA 4.0"],
        LICENCES["CC BY 4.0"],
        LICENCES["CC0"],
    ]
    assert (
        "12 of 20 images come from sources that allow redistribution: s0, s1, s4;"
        in said["description"]
    )
    assert "do not publish the images of: s2 (not known), s3 (not allowed)." in said["description"]
    assert not read(done.out).metadata.ctx.issues.errors


@pytest.mark.parametrize(
    "layout,folder", [("class", "normal/*.png"), ("split", "train/normal/*.png")]
)
def test_one_source_in_either_layout_is_read(tmp_path, monkeypatch, layout, folder):
    done = toy(tmp_path, monkeypatch, {}, layout=layout)
    includes = next(x for x in described(done)["distribution"] if x["@id"] == "image-files")[
        "includes"
    ]
    assert folder in includes and includes == sorted(
        {r.path.rpartition("/")[0] + "/*.png" for r in done.records}
    )
    labels = {
        text(r["images/path"]): text(r["images/label"]) for r in read(done.out).records("images")
    }
    assert labels == {r.path: r.label for r in done.records}


def test_text_of_any_kind_in_the_catalogue_stays_text(tmp_path, monkeypatch):
    nasty = 'a "quote" | <b>&amp; \\ {"@id": "x"} é'
    done = toy(tmp_path, monkeypatch, dict(title=nasty, citation=nasty, licence=nasty))
    said = described(done)
    meta = read(done.out).metadata
    assert not meta.ctx.issues.errors and meta.cite_as == nasty and meta.license == [f"s0: {nasty}"]
    assert nasty in said["rai:dataCollection"]


def test_what_is_missing_and_what_gives_a_class_away_is_said(tmp_path, monkeypatch):
    done = toy(tmp_path, monkeypatch, dict(age_group="child"))
    said = croissant(replace(done, failed={"nih_full": CxrError("gone")}), b"")
    lost = "INCOMPLETE: these sources could not be had: nih_full."
    assert said["description"].startswith(lost) and lost in said["rai:dataLimitations"]
    assert said["rai:dataBiases"] == [warning_line(w) for w in done.summary.confounds]
    assert any(b.startswith("All images come from one source: s0.") for b in said["rai:dataBiases"])
    assert not any("may learn the source" in b for b in said["rai:dataBiases"])
    assert "age 4, sex 4" in said["rai:dataCollectionMissingData"]


def test_copies_of_every_kind_are_counted_and_none_is_said_to_be_missed(drawn):
    copies, said = drawn.duplicates(), croissant(drawn, b"")
    total = copies["bytes"] + copies["pixels"] + copies["near"]
    assert total > copies["bytes"]
    protocol = " ".join(said["rai:dataPreprocessingProtocol"])
    assert f"{total} copies are left out" in protocol
    assert f"{copies['near']} resized, cropped, turned or otherwise altered" in protocol
    torn = count(len(drawn.conflicts), "radiograph")
    assert drawn.conflicts and f"{torn} whose copies have labels of two classes" in protocol
    assert "are not found" not in json.dumps(said)


def test_limitations_are_the_warnings_of_the_run_by_their_kind(drawn):
    unlinked = FolderWarning(UNEXPECTED_OVERLAP, "a and b share 1 radiograph")
    aside = FolderWarning(SOURCE_LEFT_ASIDE, "c is at hand too")
    parts = FolderWarning(SOURCE_IN_PARTS, "d is e and f")
    said = croissant(replace(drawn, warnings=[unlinked, aside, parts]), b"")["rai:dataLimitations"]
    assert "a and b share 1 radiograph" in said
    assert "c is at hand too" not in said and "d is e and f" not in said


def test_the_package_writes_it_without_mlcroissant():
    code = (
        "import sys, cxr_fastai.curation.folder.croissant as c\n"
        "print([m for m in ('mlcroissant', 'pandas', 'torch') if m in sys.modules], c.CROISSANT)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.split() == ["[]", "croissant.json"]
