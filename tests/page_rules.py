"""What every page of `cxr app` must hold, read from its html: well-formed, named, fetching nothing, running nothing of its own."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}
INLINE = {"a", "b", "bdi", "code", "i", "kbd", "span", "strong", "wbr"}
FETCHING = ("src", "href", "action", "srcset", "data", "poster")
NAMED_BY = ("aria-labelledby", "aria-describedby", "for")
EVIL = "<script>alert('x')</script>"
TURN = "\u202e"  # what follows is shown right to left


class Tag:
    def __init__(self, name, attributes, above):
        self.name, self.at, self.above, self.words = name, dict(attributes), above, ""

    def within(self, name):
        return self.name == name or (self.above is not None and self.above.within(name))


class Tree(HTMLParser):
    "All tags of a page; a tag that is not closed, or closed twice, is an error."

    def __init__(self, html):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {[tag.name for tag in self.open]}"

    def handle_starttag(self, name, attributes):
        names = Counter(key for key, _ in attributes)
        assert max(names.values(), default=0) <= 1, f"an attribute twice: {name} {names}"
        tag = Tag(name, attributes, self.open[-1] if self.open else None)
        self.tags.append(tag)
        if name not in INLINE:
            self.handle_data(" ")
        if name not in VOID:
            self.open.append(tag)

    def handle_endtag(self, name):
        assert self.open, f"</{name}> closes nothing"
        assert self.open.pop().name == name, f"</{name}> closes another tag"

    def handle_data(self, data):
        for tag in self.open:
            tag.words += data

    def all(self, *names):
        return [tag for tag in self.tags if tag.name in names]

    @property
    def words(self):
        return " ".join(self.all("body")[0].words.split())


def check_page(html):
    "Returns the tree."
    assert html.lower().startswith("<!doctype html>")
    tree = Tree(html)
    check_runs_and_fetches_nothing(tree)
    check_names(tree)
    check_order(tree)
    assert "Research only, not a medical device." in tree.words
    return tree


def check_runs_and_fetches_nothing(tree):
    for tag in tree.tags:
        assert not [key for key in tag.at if key.startswith("on") or key == "style"], tag.name
        for key in FETCHING:
            value = tag.at.get(key, "/")
            assert value in ("", "data:,") or value.startswith("#") or is_own(value), value
    assert not tree.all("style", "iframe", "object", "embed", "base")
    assert not [tag for tag in tree.all("script") if tag.words.strip() or "src" not in tag.at]


def is_own(address):
    return address.startswith("/") and not address.startswith("//")


def check_names(tree):
    ids = Counter(tag.at["id"] for tag in tree.tags if "id" in tag.at)
    assert max(ids.values()) == 1, ids.most_common(1)
    for tag in tree.tags:
        for key in NAMED_BY:
            assert set(tag.at.get(key, "").split()) <= set(ids), (tag.name, key)
    labelled = {tag.at.get("for") for tag in tree.all("label")}
    for tag in tree.all("input", "select", "textarea"):
        assert tag.within("label") or tag.at["id"] in labelled or "aria-label" in tag.at, tag.at
    for tag in tree.all("button", "a", "summary"):
        assert tag.words.strip() or "aria-label" in tag.at, tag.at
    for tag in tree.all("section", "nav", "aside", "dialog", "progress"):
        named = {"aria-label", "aria-labelledby"} & set(tag.at)
        assert named or tag.within("noscript"), tag.at
    assert tree.all("html")[0].at["lang"] == "en" and tree.all("title")[0].words.strip()


def check_order(tree):
    "One h1, no level left out, one main part; what is always in sight comes before it."
    assert [len(tree.all(name)) for name in ("h1", "main", "header")] == [1, 1, 1]
    levels = [int(tag.name[1]) for tag in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels
    names = [tag.name for tag in tree.tags]
    assert names.index("aside") < names.index("header") < names.index("main")
    skip = tree.all("a")[0]
    assert skip.at["href"] == f"#{tree.all('main')[0].at['id']}"
