"""The page at /: where films are dropped, and read with their answers.

PageFacts in, html out. What moves on it is static/app.js; without scripts a plain form posts the
films, and the answer is a page of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from fasthtml import components as ft

from cxr_fastai.app.page_facts import PageFacts
from cxr_fastai.app.page_parts import Part, frame, notices, text_of, theme_choice
from cxr_fastai.core import printable
from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.heat import CAVEAT

__all__ = ["home_page"]

TAKES = "PNG, JPEG, TIFF, BMP, WebP, 16 bits too, and DICOM. What a file is, its content says."
KEPT = (
    "Films go to this server alone. It writes nothing of them and forgets each with its answer; "
    "names and answers stay in this window until you clear it or close it."
)
KEYS = (
    ("j, k", "next film, the one before"),
    ("\N{UPWARDS ARROW} \N{DOWNWARDS ARROW}", "in the worklist: another film"),
    ("Enter", "in the worklist: go to the answer"),
    ("u", "add films"),
    ("h", "show or hide where the answer is most sensitive"),
    ("?", "these keys"),
)


def home_page(
    facts: PageFacts,
) -> str:
    """Write the page."""
    header = [
        ft.H1(printable(facts.recipe), ft.Span(" for chest radiographs", cls="soft")),
        ft.Nav(
            ft.A("Model card", _new_tab(), href="/card", target="_blank", rel="noopener"),
            ft.Button("Keys", type="button", id="show-keys", cls="plain", hidden=True),
            aria_label="Pages",
        ),
        theme_choice(),
    ]
    main = ft.Main(
        notices(facts),
        _add(facts),
        ft.P(id="progress", cls="progress", role="status"),
        ft.P(id="spoken", cls="unseen", role="status"),
        ft.Progress(id="bar", aria_label="Films done", hidden=True),
        ft.Div(ft.P(id="held-says"), id="held", cls="box", hidden=True),
        ft.Div(id="alarm", cls="alarm", role="alert"),
        _room(facts),
        _intro(facts),
        _without_script(),
        id="work",
        tabindex="-1",
        **_data(facts),
    )
    body = [
        main,
        _footer(),
        _keys(),
        _sign_in(),
        ft.Div("Drop the films", id="drop", aria_hidden="true", hidden=True),
    ]
    return frame(f"{facts.recipe}: films and answers", header, body, ["app.js"])


def _new_tab() -> Part:
    """Say to a screen reader that a link leaves the films where they are."""
    return ft.Span(" (opens in a new tab)", cls="unseen")


def _data(facts: PageFacts) -> dict[str, str]:
    """Return what the script needs to know, as attributes."""
    risk = facts.risk_threshold
    return {
        "data_model": facts.model,
        "data_max_bytes": str(facts.max_bytes),
        "data_csv_header": facts.csv_header,
        "data_risk_threshold": "" if risk is None or facts.several else f"{risk:.9g}",
        "data_has_heat": "yes" if facts.has_heat else "",
        "data_has_similar": "yes" if facts.has_similar else "",
        "data_has_token": "yes" if facts.has_token else "",
    }


def _add(facts: PageFacts) -> Part:
    """Write where films are added."""
    return ft.Section(
        ft.H2("Add films", id="add-title"),
        ft.P("Drop films here, paste a picture, or", cls="soft invitation"),
        ft.Div(
            _chooser("choose", "Choose films", multiple=True),
            _chooser("choose-folder", "Choose a folder", webkitdirectory=True),
            _chooser("camera", "Take a photograph", accept="image/*", capture="environment"),
            cls="choosers",
        ),
        ft.P(f"{TAKES} Up to {facts.max_bytes // 1_000_000} MB each.", cls="soft takes"),
        id="add",
        cls="add",
        aria_labelledby="add-title",
        hidden=True,
    )


def _chooser(
    name: str,
    words: str,
    **attributes: str | bool,
) -> Part:
    """Write a file input and the label that is its button."""
    own = ft.Input(type="file", id=name, name=name, cls="unseen", **attributes)
    return ft.Span(own, ft.Label(words, fr=name, cls="button"), cls="chooser", id=f"{name}-part")


def _room(facts: PageFacts) -> Part:
    """Write the worklist and the place of a film and its answer, empty."""
    return ft.Div(_worklist(facts), _answer(facts), id="room", cls="room", hidden=True)


def _worklist(facts: PageFacts) -> Part:
    """Write the worklist, empty."""
    return ft.Section(
        ft.H2("Worklist", id="list-title"),
        ft.P(*text_of(_order_words(facts)), cls="soft", id="list-order"),
        ft.Ol(id="list", cls="list", aria_labelledby="list-title"),
        ft.Div(
            ft.Button("Save csv", type="button", id="save-csv", disabled=True),
            ft.Button("Clear all", type="button", id="clear-all"),
            cls="buttons",
        ),
        id="list-part",
        cls="list-part",
        aria_labelledby="list-title",
    )


def _order_words(facts: PageFacts) -> str:
    """Say in which order the films stand."""
    words = f"Those without an answer come first, then {facts.about.order}."
    if facts.ordered_by_risk:
        return words
    return f"{words} There is no risk to order by: no class, or several, mean nothing found."


def _answer(facts: PageFacts) -> Part:
    """Write the place of a film and its answer, empty: words, film, numbers, notes, heat, kin."""
    similar: Sequence[Part] = [_part("similar", "Similar films of training")]
    return ft.Article(
        ft.Div(
            ft.H2(id="answer-title", tabindex="-1"),
            ft.Div(
                ft.Button("Previous", type="button", id="previous", aria_keyshortcuts="k"),
                ft.Span(id="place", cls="soft"),
                ft.Button("Next", type="button", id="next", aria_keyshortcuts="j"),
                id="steps",
                cls="steps",
            ),
            cls="title",
        ),
        ft.Div(id="said", cls="said"),
        ft.Section(
            ft.Div(id="viewer"),
            ft.P(id="no-film", cls="no-film", hidden=True),
            id="film-part",
            cls="film-part",
            aria_label="The film",
        ),
        ft.Div(
            _part("numbers", facts.numbers),
            _part("notes", "Noted of the file"),
            _heat_part(facts),
            *(similar if facts.has_similar else []),
            ft.P(id="seconds", cls="soft"),
            cls="rest",
        ),
        id="answer",
        cls="answer",
        aria_labelledby="answer-title",
    )


def _part(
    name: str,
    title: str,
) -> Part:
    """Write a part of the answer, which the script fills and shows."""
    return ft.Section(
        ft.H3(title, id=f"{name}-title"),
        ft.Div(id=name),
        id=f"{name}-part",
        aria_labelledby=f"{name}-title",
        hidden=True,
    )


def _heat_part(facts: PageFacts) -> Part:
    """Write where a heat is asked for."""
    options = []
    for name, words in facts.classes.items():
        options.append(ft.Option(printable(words), value=name))
    return ft.Section(
        ft.H3("Where the answer is most sensitive", id="heat-title"),
        ft.P(CAVEAT, cls="soft"),
        ft.Div(
            ft.Label("of ", ft.Select(*options, id="heat-of"), cls="heat-label"),
            ft.Button("Show heat", type="button", id="heat-button", aria_pressed="false"),
            id="heat-form",
            cls="buttons",
        ),
        ft.Div(id="heat-says", role="status"),
        id="heat-part",
        aria_labelledby="heat-title",
        hidden=True,
    )


def _intro(facts: PageFacts) -> Part:
    """Say what the page does, while there is no film."""
    names = ", ".join(facts.classes.values())
    what = "any number of" if facts.several else "one of"
    who = "A network answers" if facts.bundles == 1 else f"{facts.bundles} networks answer"
    gate = "What looks like no upright frontal chest film is refused, with the reason."
    if facts.rights:
        gate += " What looks turned or inverted is turned back first, and the answer says so."
    items = [
        ft.Li(*text_of(f"{who} {what} {count(len(facts.classes), 'class', 'classes')}: {names}.")),
        ft.Li(_decided(facts)),
        *([ft.Li(gate)] if facts.has_gate else []),
        ft.Li("Several films become a worklist, and a csv."),
        ft.Li(KEPT),
    ]
    return ft.Section(
        ft.H2("What this page does", id="intro-title"),
        ft.Ul(*items),
        ft.P(*text_of(facts.about.limits), cls="box"),
        id="intro",
        cls="intro",
        aria_labelledby="intro-title",
    )


def _decided(facts: PageFacts) -> str:
    """Say what an answer follows from."""
    negative = facts.about.names.display.get(facts.about.names.negative, "")
    if facts.risk_threshold is not None:
        return (
            f"It answers {printable(negative)} below a risk of {facts.risk_threshold:.3g}, a "
            "threshold that was fixed on validation."
        )
    if facts.several:
        return _findings_decided(facts)
    if facts.bundles > 1 and facts.decides:
        return "Each network decides by its own thresholds; more than half must agree."
    n = len(facts.thresholds)
    if not n:
        return (
            "No threshold was fixed: the most probable class is answered, however low its number."
        )
    if n == len(facts.classes):
        return "Each class has its threshold; below it nothing is answered, and it says so."
    return (
        f"Of {count(len(facts.classes), 'class', 'classes')} {n} {'has' if n == 1 else 'have'} a "
        "threshold, below which nothing is answered; the others are answered however low their "
        "number."
    )


def _findings_decided(facts: PageFacts) -> str:
    """Say what the answer of a film with any number of findings follows from."""
    if facts.bundles > 1:
        return (
            "Each network finds by its own thresholds; a finding is answered where at least half "
            "find it."
        )
    words = (
        "A finding is answered where its probability reaches its threshold; where none does, the "
        "answer is none of the findings."
    )
    if facts.unfixed:
        words += f" Validation fixed no threshold for {facts.unfixed} of them: {UNSET} stands in."
    return words


def _without_script() -> Part:
    """Write the form that works without scripts."""
    form = ft.Form(
        ft.Label("Films ", ft.Input(type="file", name="files", multiple=True, id="plain-files")),
        ft.Button("Answer", type="submit"),
        method="post",
        action="/predict",
        enctype="multipart/form-data",
    )
    words = (
        "Without scripts there are no pictures: films go up in this form, and answers come back."
    )
    return ft.Noscript(ft.Section(ft.H2("Add films"), ft.P(words), form, cls="plain-form"))


def _footer() -> Part:
    """Write the foot of the page."""
    return ft.Footer(ft.P("cxr_fastai. Research only, not a medical device."))


def _keys() -> Part:
    """Write the dialogue that lists the keys."""
    rows = []
    for keys, words in KEYS:
        rows.append(ft.Div(ft.Dt(ft.Kbd(keys)), ft.Dd(words)))
    return ft.Dialog(
        ft.H2("Keys", id="keys-title"),
        ft.Dl(*rows, cls="keys"),
        ft.P("The film has keys of its own; its help lists them.", cls="soft"),
        ft.Label(ft.Input(type="checkbox", id="single-keys", checked=True), " Single keys are on"),
        ft.Form(ft.Button("Close", type="submit"), method="dialog"),
        id="keys",
        aria_labelledby="keys-title",
    )


def _sign_in() -> Part:
    """Write the dialogue that asks for the token again, so that no film is lost."""
    return ft.Dialog(
        ft.H2("Sign in again", id="again-title"),
        ft.P("The session has ended. Your films wait here, and go on when you have signed in."),
        ft.Form(
            ft.Label("Token ", ft.Input(type="password", id="again-token", autocomplete="off")),
            ft.Button("Sign in", type="submit"),
            id="again-form",
        ),
        ft.P(id="again-says", role="alert"),
        id="again",
        aria_labelledby="again-title",
    )
