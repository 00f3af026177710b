"""python -m pytest tests/app/test_may_show.py"""

import pytest
from made_curations import source

from cxr_fastai.app.may_show import why_hidden
from cxr_fastai.catalog import load_catalog
from cxr_fastai.manifest import Record

CELLS = dict.fromkeys(Record.__dataclass_fields__, "")
CATALOG = {
    "free": source("free", licence="CC BY 4.0", redistribute="yes"),
    "shut": source("shut", licence="its readme: do not share", redistribute="no"),
    "silent": source("silent", licence="", redistribute="unknown"),
}


def why(name, licence, is_alone=True):
    return why_hidden(Record(**{**CELLS, "source": name, "licence": licence}), CATALOG, is_alone)


@pytest.mark.parametrize("is_alone", [True, False])
def test_the_catalogue_decides_whoever_asks(is_alone):
    assert why("free", "CC BY 4.0", is_alone) == ""
    shut = why("shut", "its readme: do not share", is_alone)
    assert shut == "Not shown: films of shut may not be shared on."
    silent = why("silent", "", is_alone)
    assert silent == "Not shown: whether films of silent may be shared on is not known."


@pytest.mark.parametrize("is_alone", [True, False])
def test_another_licence_under_a_known_name_is_not_trusted(is_alone):
    assert "another licence here" in why("free", "all rights reserved", is_alone)


def test_films_of_ones_own_are_shown_to_ones_own_machine_alone():
    assert why("mine", "") == ""
    assert "in no catalogue" in why("mine", "", is_alone=False)


def test_of_the_real_catalogue_only_what_may_be_shared_is_shown():
    catalog = load_catalog()
    shown = set()
    for name, own in catalog.items():
        row = Record(**{**CELLS, "source": name, "licence": own.licence})
        if not why_hidden(row, catalog, True):
            shown.add(name)
    assert shown == {name for name, own in catalog.items() if own.redistribute == "yes"}
    assert {"kermany_kaggle", "nih_sample"} <= shown and not {"figure1", "ieee8023"} & shown
