"""Chromium for tests: the pages as a person meets them. Where no chromium is, the tests skip and say so.

    with chromium() as browser, opened(browser, url, width=390, touch=True) as seen:
        seen.page.click("text=Add films")
        seen.check_clean()

`Seen` gathers what must never happen: errors of the console, breaches of the page's own policy (CSP),
and requests to any host but the one that was opened.
"""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Tells the test what the page's own policy refused, though the page catches it
BREACHES = "document.addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
STATUS = "Failed to load resource: the server responded with a status of"


def where_chromium_is():
    "The path of a chromium, or empty. CXR_CHROMIUM names one elsewhere."
    named = os.environ.get("CXR_CHROMIUM", "")
    found = [shutil.which(name) for name in (named, *NAMES) if name]
    return next(filter(None, found), "")


@contextlib.contextmanager
def chromium():
    "A headless browser. One at a time in a process: Playwright's loop stands in the way of asyncio.run until it ends."
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = where_chromium_is()
    if not path:
        pytest.skip("no chromium on this machine: pages are not looked at")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    "A page and what happened on it."

    page: object
    host: str
    said: list = field(default_factory=list)  # errors of the console and of scripts
    strangers: list = field(default_factory=list)  # addresses of other hosts that were asked
    glass: object = None  # the session by which fingers are told

    def hear(self, message):
        if message.type == "error":
            self.said.append(message.text)

    def note(self, request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self.host:
            self.strangers.append(request.url)

    def check_clean(self, statuses=()):
        "No error, no breach, no stranger. Refusals of these statuses were asked for."
        expected = tuple(f"{STATUS} {status} " for status in statuses)
        errors = [text for text in self.said if not expected or not text.startswith(expected)]
        assert errors == []
        assert self.strangers == []

    def until(self, holds, seconds=15):
        "Wait until a script's value holds. (Playwright's own waiting would be refused by the page's policy.)"
        for _ in range(seconds * 50):
            if self.page.evaluate(holds):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"never came: {holds}")

    def touch(self, kind, *points):
        "Fingers on the glass, as a phone tells them: touchStart, touchMove, touchEnd with the places that are left."
        if self.glass is None:
            self.glass = self.page.context.new_cdp_session(self.page)
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.glass.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def is_wide(self):
        "By how many pixels the page is wider than its window: a person would have to scroll sideways."
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )


@contextlib.contextmanager
def opened(
    browser, url, width=1200, height=900, touch=False, theme="light", wait="load", **options
):
    "Open an address in a clean profile; yields Seen. Theme: light or dark, as the machine asks for."
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=touch,
        is_mobile=touch,
        device_scale_factor=options.pop("ratio", 2 if touch else 1),
        color_scheme=theme,
        **options,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    seen = Seen(page, urlsplit(url).netloc)
    page.add_init_script(BREACHES)
    page.on("console", seen.hear)
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("request", seen.note)
    try:
        page.goto(url, wait_until=wait)
        yield seen
    finally:
        context.close()
