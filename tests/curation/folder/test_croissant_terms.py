"""pytest tests/curation/folder/test_croissant_terms.py"""

from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.folder.croissant_terms import CONTEXT, LICENCES, MANIFEST_COLUMNS
from cxr_fastai.manifest import COLUMNS


def test_every_column_of_the_manifest_has_a_meaning_in_their_order():
    assert tuple(MANIFEST_COLUMNS) == COLUMNS
    for column in MANIFEST_COLUMNS.values():
        assert column.says.endswith(".") and column.kind


def test_licences_are_addresses_of_creative_commons_by_names_that_the_catalogue_uses():
    assert all(url.startswith("https://creativecommons.org/") for url in LICENCES.values())
    assert {s.licence for s in load_catalog().values()} & set(LICENCES) >= {"CC0", "CC BY 4.0"}


def test_the_context_names_the_three_vocabularies():
    assert CONTEXT["@vocab"] == CONTEXT["sc"] == "https://schema.org/"
    assert CONTEXT["cr"] == "http://mlcommons.org/croissant/"
    assert CONTEXT["rai"] == f"{CONTEXT['cr']}RAI/"
