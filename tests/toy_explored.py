"""One explored folder of 48 drawn images of two sources, for the tests of this room."""

import re
from collections import Counter
from html.parser import HTMLParser

from toy_cohort import drawn, row
from toy_sources import rule, write_catalog

from cxr_fastai.auditing.explore import explore

EVIL = "<script>alert('x')</script>\x1b[31m"  # a terminal would turn red
SAFE = EVIL.replace("\x1b", r"\x1b")


def explored(root, out):
    """(folder, Exploration): foreign text stands wherever a source or a recipe can write."""
    rows = [
        row(
            "ab"[i % 2],
            ("one", "two")[i % 3 == 0],
            ("train", "train", "valid", "test")[i % 4],
            age=str(i) if i % 5 else "",
            sex=("F", "M", "")[i % 3],
            view=("PA", "AP", EVIL)[i % 3],
            patient=f"p{i // 2}" if i < 30 else "",
            findings="mass|nodule" if i % 3 else "mass",
            licence=EVIL,
        )
        for i in range(48)
    ]
    data = drawn(
        rows, root, lambda r: 60 if r.source == "one" else 160, vocab="ab", display={"a": EVIL}
    )
    rules = [rule(source, title=EVIL, label_value="x") for source in ("one", "two")]
    catalog = write_catalog(root / "c.csv", *rules)
    return data, explore(data, out, manifest=catalog)


class Page(HTMLParser):
    """Tags, attributes and words of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.images, self.links, self.words = Counter(), [], [], []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words)).strip()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        if tag == "img":
            self.images.append(dict(attrs))
        self.links += [v for k, v in attrs if k in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)
