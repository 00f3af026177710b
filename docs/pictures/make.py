"""The pictures of the docs, of drawn films alone: the app on a desk, in a dark room, on a phone.

    .venv/bin/cxr demo --out demo
    .venv/bin/python docs/pictures/make.py demo

A folder that `cxr demo` made in; app.png, app_worklist.png, app_room.png, app_phone.png and, of
the page of `cxr audit`, audit.png out, beside this file. Needs Chromium and the extra `app`; asks
no host but this machine's own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from browser import Seen, chromium, opened  # noqa: E402

from cxr_fastai.phantom import CLASSES, draw  # noqa: E402

CXR = Path(sys.executable).with_name("cxr")
MOST_BYTES = 200_000  # of a picture
SIDE = 512  # px, of a drawn film
FIRST_SEED = 4_200  # of the films; the demo draws others
SHOWN = 4  # number of the film that is shown alone
COLOURS = (256, 160, 96, 64, 32)  # of a picture, fewer until it is small enough
ALL_ANSWERED = (
    "document.querySelectorAll('.item').length >= {n} && "
    "!document.querySelector('.item.waiting, .item.asking')"
)
HEAT_IS_SHOWN = "!document.querySelector('.viewer-heat').hidden"


def main() -> None:
    """Make the pictures that were asked for."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("demo", type=Path, metavar="DEMO", help="what cxr demo --out DEMO made")
    asked.add_argument("--audit", action="store_true", help="the audit's page alone")
    asked.add_argument("--app", action="store_true", help="the app alone")
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        if not args.audit:
            of_the_app(browser, args.demo, Path(folder))
        if not args.app:
            of_the_audit(browser, args.demo, Path(folder))


def of_the_app(
    browser: object,
    demo: Path,
    folder: Path,
) -> None:
    """Make the pictures of `cxr app`."""
    films = write_films(folder)
    with answering(demo) as url:
        on_a_desk(browser, url, films)
        in_a_dark_room(browser, url, films)
        on_a_phone(browser, url, films)


def write_films(
    folder: Path,
) -> list[Path]:
    """Draw a film of each class, one turned, one inverted, noise, and a file that is no picture."""
    films = []
    for i, kind in enumerate(CLASSES):
        films.append(written(folder / f"film_{i + 1}.png", draw(kind, FIRST_SEED + i, SIDE)))
    upright = draw("normal", FIRST_SEED, SIDE)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    films.append(written(folder / "turned.png", np.rot90(upright)))
    films.append(written(folder / "inverted.png", 255 - upright))
    films.append(written(folder / "noise.png", noise))
    page = folder / "saved_by_mistake.dcm"
    page.write_text("<html>sign in</html>")
    return [*films, page]


def written(
    path: Path,
    pixels: np.ndarray,  # (h, w) uint8
) -> Path:
    """Write gray pixels as a PNG."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


@contextlib.contextmanager
def answering(
    demo: Path,
) -> Iterator[str]:  # http://127.0.0.1:PORT
    """Run `cxr app` on the demo's bundle, with its training films."""
    command = [str(CXR), "app", str(demo / "run"), "--films", str(demo / "curated"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield address_in(server)
        finally:
            server.terminate()


def address_in(
    server: subprocess.Popen[str],
) -> str:
    """Read what the server says until it names its address."""
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found[0]
    raise SystemExit("cxr app ended without an address: run it by hand to see why")


# ---- the pictures


def on_a_desk(
    browser: object,
    url: str,
    films: list[Path],
) -> None:
    """Show one film with its heat, then a worklist with a refused film."""
    with opened(browser, url, width=1180, height=860) as seen:
        give(seen, films[SHOWN : SHOWN + 1])
        show_heat(seen)
        save(seen, "app.png")
    with opened(browser, url, width=1180, height=760) as seen:
        give(seen, films)
        seen.page.locator(".item", has_text="inverted.png").click()
        save(seen, "app_worklist.png")


def in_a_dark_room(
    browser: object,
    url: str,
    films: list[Path],
) -> None:
    """Show a film of a worklist, zoomed."""
    with opened(browser, url, width=1180, height=760, theme="dark") as seen:
        give(seen, films)
        seen.page.locator(".item.found button, .item.negative button").first.click()
        seen.page.locator("#viewer canvas").first.focus()
        seen.page.keyboard.press("+")
        seen.page.evaluate("scrollTo(0, 0)")
        save(seen, "app_room.png")


def on_a_phone(
    browser: object,
    url: str,
    films: list[Path],
) -> None:
    """Show a film and its answer."""
    with opened(browser, url, width=390, height=844, touch=True, ratio=1.5) as seen:
        give(seen, films[SHOWN : SHOWN + 1])
        seen.page.locator("#answer").evaluate("each => each.scrollIntoView()")
        save(seen, "app_phone.png")


def of_the_audit(
    browser: object,
    demo: Path,
    folder: Path,
) -> None:
    """Show the top of the page of `cxr audit`."""
    subprocess.run(
        [CXR, "audit", demo / "curated", demo / "run", "--out", folder / "a"], check=True
    )
    page = folder / "a" / "audit.html"
    with opened(browser, page.as_uri(), width=1100, height=900) as seen:
        save(seen, "audit.png")


# ---- how they are made


def give(
    seen: Seen,
    films: list[Path],
) -> None:
    """Choose films and wait for their answers."""
    seen.page.set_input_files("#choose", [str(film) for film in films])
    seen.until(ALL_ANSWERED.format(n=len(films)), 60)


def show_heat(seen: Seen) -> None:
    """Ask for the heat and wait until it is laid on the film."""
    seen.page.click("#heat-button")
    seen.until(HEAT_IS_SHOWN, 60)
    seen.page.evaluate("scrollTo(0, 0)")


def save(
    seen: Seen,
    name: str,
) -> None:
    """Save what the window shows, with as few colours as make it small enough."""
    seen.page.mouse.move(0, 0)
    seen.page.wait_for_timeout(1_000)
    picture = Image.open(io.BytesIO(seen.page.screenshot())).convert("RGB")
    for colours in COLOURS:
        out = io.BytesIO()
        few = picture.quantize(colours, kmeans=3, dither=Image.Dither.NONE)
        few.save(out, "PNG", optimize=True)
        if out.tell() < MOST_BYTES:
            break
    (HERE / name).write_bytes(out.getvalue())
    print(f"{name}: {picture.width} x {picture.height} px, {out.tell():,} bytes, {colours} colours")


if __name__ == "__main__":
    main()
