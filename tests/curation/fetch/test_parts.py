"""pytest tests/curation/fetch/test_parts.py: sources that are nothing but others together."""

from toy_sources import remote

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import IntegrityError, SourceUnavailable
from cxr_fastai.curation.fetch import (
    SOURCE_IN_PARTS,
    in_parts_warning,
    missing_among,
    spares_among,
)
from cxr_fastai.curation.fetch.parts import parts_of


def source(name, total, **cells):
    return remote("kaggle", f"own/{name}", name, expected_total=total, **cells)


LEFT, RIGHT = source("left", "662"), source("right", "138")
WHOLE = source("whole", "800", derived_from="left|right")
MORE = source("more", "801", derived_from="left|right")
ALL = [LEFT, RIGHT, WHOLE, MORE]
CATALOG = {each.id: each for each in ALL}


def test_a_source_is_made_of_what_it_copies_where_the_numbers_of_images_agree():
    assert parts_of(WHOLE, CATALOG) == [LEFT, RIGHT]
    assert parts_of(MORE, CATALOG) == parts_of(LEFT, CATALOG) == []
    assert parts_of(WHOLE, {"left": LEFT}) == []


def test_of_the_library_s_own_catalogue_kmader_is_made_of_shenzhen_and_montgomery():
    catalog = load_catalog()
    on = [source for source in catalog.values() if source.on == "yes"]
    assert spares_among(on, catalog)["kmader"] == ["shenzhen", "montgomery"]


def test_a_source_can_be_spared_where_all_its_parts_were_asked_for():
    assert spares_among(ALL, CATALOG) == {"whole": ["left", "right"]}
    assert spares_among([LEFT, WHOLE], CATALOG) == spares_among([WHOLE], CATALOG) == {}


def test_a_spare_is_missing_where_one_of_its_parts_is():
    spares = spares_among(ALL, CATALOG)
    assert missing_among(["whole"], spares, {"left", "right"}) == []
    assert missing_among(["whole", "right"], spares, {"left"}) == ["whole", "right"]
    assert missing_among(["more"], spares, {"left", "right"}) == ["more"]


def test_the_warning_names_the_parts_and_what_is_wrong_with_a_file_that_is_there():
    absent = in_parts_warning(WHOLE, ["left", "right"], SourceUnavailable("not in the mirror"))
    assert (absent.kind, absent.numbers["parts"]) == (SOURCE_IN_PARTS, ["left", "right"])
    assert str(absent) == (
        "whole could not be had; its 800 images are those of left and right, read in its place"
    )
    torn = in_parts_warning(WHOLE, ["left", "right"], IntegrityError("w.zip: cut short"))
    assert str(torn).endswith("read in its place: w.zip: cut short")
