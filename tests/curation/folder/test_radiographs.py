"""pytest tests/curation/folder/test_radiographs.py"""

from dataclasses import replace

import pytest
from made_curations import Films, moved

from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.folder.radiographs import radiographs_of
from cxr_fastai.curation.folder.split import TIE
from cxr_fastai.recipes import Recipe

RECIPE = Recipe(name="toy", title="Toy", classes={"normal": ["no_finding"], "sick": ["mass"]})


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def changed(copies, *cells):
    "The same set whose members have other cells of their items."
    members = [moved(image, **more) for image, more in zip(copies.members, cells)]
    return replace(copies, members=members)


def test_links_and_official_splits_are_those_of_all_copies(films):
    copies = changed(
        films.pair(),
        dict(patients=("a:1",), radiograph="x", official="train"),
        dict(patients=("b:2", "b:3"), official="test"),
    )
    (one,) = radiographs_of([copies], [], RECIPE)
    assert one.links == {"a:1", "b:2", "b:3", "x"} and one.official == {"train", "test"}
    assert one.id == copies.kept.fingerprint.pixel_sha256


def test_source_and_finding_are_those_of_the_kept_copy(films):
    copies = changed(films.pair(), dict(findings=("mass",)), dict(findings=("edema",)))
    assert radiographs_of([copies], [], RECIPE)[0].stratum == "one|mass"
    several = changed(films.pair(), dict(findings=("mass", "edema")), {})
    (one,) = radiographs_of([several], [], RECIPE)
    assert (one.source, one.stratum) == ("one", "one|several")


def test_exposures_of_one_patient_are_tied_by_a_link_that_both_have(films):
    a, b, c = films.group(kept=dict(seed=1)), films.pair(seed=2), films.group(kept=dict(seed=3))
    ends = (a.kept.fingerprint.pixel_sha256, b.members[1].fingerprint.pixel_sha256)
    link = Link(
        a=ends[0],
        b=ends[1],
        kind="same_patient",
        score=0.5,
        evidence=0.5,
        inliers=40,
        matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        inverted=False,
        overlap=1.0,
    )
    one, other, alone = radiographs_of([a, b, c], [link], RECIPE)
    assert one.links == other.links == {f"{TIE}{ends[0]} {ends[1]}"} and not alone.links


def test_classes_are_those_that_its_images_have_in_the_folder(films):
    copies = films.pair()
    assert radiographs_of([copies], [], RECIPE)[0].classes == {"normal"}
    conflict = films.pair(label="sick")
    assert radiographs_of([conflict], [], RECIPE)[0].classes == frozenset()
    lateral = replace(RECIPE, filters={"view": ["PA"]})
    assert radiographs_of([copies], [], lateral)[0].classes == frozenset()
    several = films.group(kept=dict(label="normal"))
    members = [replace(several.members[0], label="mass|edema|?hernia")]
    (one,) = radiographs_of([replace(several, members=members)], [], RECIPE)
    assert one.classes == {"mass", "edema"}
