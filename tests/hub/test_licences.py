"""Who may pass a folder on: the rule of the dataset card, held against the library's own catalogue.

pytest tests/hub/test_licences.py
"""

import pytest
from toy_shared import shared

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import UsageError
from cxr_fastai.hub.licences import check_licence, check_shareable, hidden_sources, licence_words
from cxr_fastai.manifest import read_manifest

CATALOG = load_catalog()
REFUSED = [name for name, source in CATALOG.items() if source.redistribute != "yes"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return read_manifest(shared(tmp_path_factory.mktemp("one") / "data"))


def of(data, source, licence):
    "The same folder, of another source."
    rows = [type(row)(**{**vars(row), "source": source, "licence": licence}) for row in data.rows]
    return type(data)(data.root, rows, data.recipe, data.sha256, data.curation)


def test_sources_that_are_marked_yes_pass_and_their_licence_is_named(folder):
    check_shareable(folder, CATALOG)
    assert licence_words(folder, "") == "CC0 (nih_sample)" and licence_words(folder, "mit") == "mit"
    assert hidden_sources(folder, CATALOG) == set()


@pytest.mark.parametrize("source", REFUSED)
def test_any_other_source_is_refused_by_name(folder, source):
    with pytest.raises(UsageError, match=f"{source} \\(13 images") as told:
        check_shareable(of(folder, source, CATALOG[source].licence), CATALOG)
    assert "\n" not in str(told.value)


def test_one_source_among_others_is_named_and_the_others_are_advised(folder):
    mixed = of(folder, "nih_sample", "CC0")
    shut = CATALOG["figure1"].licence
    mixed.rows[0] = type(mixed.rows[0])(
        **{**vars(mixed.rows[0]), "source": "figure1", "licence": shut}
    )
    with pytest.raises(UsageError) as told:
        check_shareable(mixed, CATALOG)
    line = str(told.value)
    assert "figure1 (1 image: its licence forbids it)" in line and "--only nih_sample" in line
    assert "nih_sample (1" not in line


def test_a_source_that_no_catalogue_knows_and_a_licence_that_it_does_not_state_are_refused(folder):
    with pytest.raises(UsageError, match="no catalogue here knows it: --manifest CSV"):
        check_shareable(of(folder, "st_mary", "CC0"), CATALOG)
    with pytest.raises(UsageError, match="'CC BY 4.0', the catalogue 'CC0'"):
        check_shareable(of(folder, "nih_sample", "CC BY 4.0"), CATALOG)


def test_a_folder_of_ones_own_needs_a_licence_of_its_owner_whatever_its_name_is(tmp_path):
    own = read_manifest(shared(tmp_path / "own", source="nih_sample", own=True))
    with pytest.raises(UsageError, match="without a licence: nih_sample"):
        check_shareable(own, CATALOG)
    check_shareable(own, CATALOG, "cc-by-4.0")
    assert hidden_sources(own, CATALOG) == {"nih_sample"}


def test_nobody_gives_a_licence_for_the_images_of_others(folder):
    with pytest.raises(UsageError, match="folder of your own"):
        check_shareable(folder, CATALOG, "cc-by-4.0")


@pytest.mark.parametrize("licence", ["CC BY 4.0", "", "-", "a b", "x\ny", 'mit"', "a" * 70])
def test_a_licence_is_one_as_the_hub_names_it(licence):
    with pytest.raises(UsageError, match="cc-by-4.0"):
        check_licence(licence)
    assert check_licence("apache-2.0") == "apache-2.0"


def test_a_local_source_of_a_catalogue_of_ones_own_is_hidden(folder):
    from toy_sources import remote

    mine = {"mine": remote("local", "folder", "mine", redistribute="yes", licence="CC0")}
    check_shareable(of(folder, "mine", "CC0"), mine)
    assert hidden_sources(of(folder, "mine", "CC0"), mine) == {"mine"}
