"""Items of files of which nothing is known."""

from cxr_fastai.catalog import COLUMNS, Rule
from cxr_fastai.curation.sources.item import Item

NO_RULE = Rule(row=0, **dict.fromkeys(COLUMNS, ""))


def toy_item(file, **cells) -> Item:
    "The Item of a whole file, but for `cells`."
    plain = dict(
        source="one",
        file=str(file),
        path=str(file),
        array=None,
        source_label="",
        findings=("no_finding",),
        patients=(),
        radiograph="",
        view="",
        age="",
        sex="",
        official="",
        rule=NO_RULE,
    )
    return Item(**{**plain, **cells})
