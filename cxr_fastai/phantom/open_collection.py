"""A fake open collection: a table in Latin-1 that does not quite fit its files.

(Writer, images a class) -> files, what was planted among them, and the source's catalogue rows.
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.phantom.chest import Stance, stance
from cxr_fastai.phantom.film import expose
from cxr_fastai.phantom.people import visits
from cxr_fastai.phantom.planted import COLLECTION, CatalogRow, Writer, catalog_rows
from cxr_fastai.phantom.shapes import ellipse, step

__all__ = ["open_collection"]

IMAGES = "phantom_covid/images"
OTHER_VIEWS = 6  # CT slices and lateral views, in turn
ABSENT_CASES = (901, 902)  # named in the table, without a file
UNLISTED_PATIENT = 299_999
SILENT_CASES = 3  # of whom the table says no finding at all


def open_collection(
    writer: Writer,
    n: int,  # images
) -> list[CatalogRow]:
    """Fill an open collection.

    Its table names CT slices, lateral views and absent files, and leaves one file out.
    """
    healthy = max(3, n // 6)
    sick = [("COVID-19", "covid_19")] * n
    well = [("No Finding", "normal")] * healthy
    silent = [("", "covid_19")] * SILENT_CASES
    table = _frontal_films(writer, sick + well + silent)
    table += _other_views(writer)
    table += _absent_cases(writer)
    unlisted = writer.image(f"{IMAGES}/unlisted.png", writer.film("covid_19", UNLISTED_PATIENT))
    writer.planted.unlisted.append(unlisted)
    writer.table("phantom_covid/metadata.csv", table, "latin-1")
    shared: CatalogRow = {
        "title": "Drawn open collection",
        "glob": "images/*.png ; images/*.jpg",
        "label_from": "column",
        "label_key": "finding",
        "patient": "open:{patientid}",
        "table": "metadata.csv",
        "encoding": "latin-1",
        "table_key": "{filename}",
        "view": "{view}",
        "view_keep": "PA|AP|blank",
        "modality": "{modality}",
        "modality_keep": "X-ray",
        "age": "{age}",
        "sex": "{sex}",
        "age_group": "adult",
        "expected_total": len(table) - len(ABSENT_CASES) + 1,  # one is unlisted
    }
    rows: list[CatalogRow] = [
        {"label_value": "COVID-19", "findings": "covid_19", "expected": n},
        {"label_value": "No Finding", "findings": "no_finding", "expected": healthy},
        {
            "label_value": "blank",
            "findings": "",
            "expected": SILENT_CASES,
            "notes": "the table is silent: unknown, not normal",
        },
    ]
    return catalog_rows("phantom_covid", shared, rows)


def _frontal_films(
    writer: Writer,
    cases: list[tuple[str, str]],  # the table's finding, and the kind that is drawn
) -> list[dict[str, object]]:
    """Write what the collection is there for, and its rows of the table."""
    table = []
    for i, visit in enumerate(visits(len(cases))):
        finding, kind = cases[i]
        pid = visit.patient + 1
        is_jpeg = i % 4 == 3
        ending = "jpg" if is_jpeg else "png"
        options = {"quality": 95} if is_jpeg else {}
        name = f"case{pid}-{visit.image}.{ending}"
        film = writer.film(kind, COLLECTION + visit.patient)
        writer.image(f"{IMAGES}/{name}", film, **options)
        view = ("PA", "AP", "PA", "")[visit.patient % 4]
        table.append(
            _case(
                pid=pid,
                offset=visit.image,
                finding=finding,
                view=view,
                modality="X-ray",
                name=name,
            )
        )
    return table


def _other_views(writer: Writer) -> list[dict[str, object]]:
    """Write CT slices and lateral views, and their rows of the table."""
    table = []
    for i in range(OTHER_VIEWS):
        view, modality = ("L", "X-ray") if i % 2 else ("Axial", "CT")
        name = f"case{i + 1}-{modality[0]}.png"
        picture = _other_view(modality, writer.base + i, writer.size)
        writer.planted.filtered.append(writer.image(f"{IMAGES}/{name}", picture))
        table.append(
            _case(
                pid=i + 1,
                offset=9,
                finding="COVID-19",
                view=view,
                modality=modality,
                name=name,
            )
        )
    return table


def _absent_cases(writer: Writer) -> list[dict[str, object]]:
    """Make rows of the table that have no file."""
    table = []
    for pid in ABSENT_CASES:
        name = f"case{pid}-0.png"
        table.append(
            _case(
                pid=pid,
                offset=0,
                finding="COVID-19",
                view="PA",
                modality="X-ray",
                name=name,
            )
        )
        writer.planted.missing.append(f"{IMAGES}/{name}")
    return table


def _case(
    pid: int,
    offset: int,  # days
    finding: str,
    view: str,
    modality: str,
    name: str,
) -> dict[str, object]:
    """Make a row of the table."""
    return {
        "patientid": pid,
        "offset": offset,
        "sex": "FM"[pid % 2],
        "age": 25 + pid * 7 % 60,
        "finding": finding,
        "view": view,
        "modality": modality,
        "filename": name,
        "notes": f"seen by Dr. Muñoz, Zürich; day {offset}" if pid % 2 else "",
    }


def _other_view(
    modality: str,
    seed: int,
    size: int,
) -> np.ndarray:  # (size, size) uint8
    """Draw what is no frontal radiograph."""
    pose = stance(seed, size)
    brightness = _axial_slice(pose) if modality == "CT" else _from_the_side(pose)
    return expose(pose, brightness)


def _axial_slice(
    pose: Stance,
) -> np.ndarray:  # (size, size) brightness
    """Draw an axial CT slice."""
    left = ellipse(
        pose,
        x=-0.36,
        y=0,
        rx=0.26,
        ry=0.42,
    )
    right = ellipse(
        pose,
        x=0.38,
        y=0.02,
        rx=0.24,
        ry=0.40,
    )
    lungs = np.maximum(left, right)
    ring = abs(1 - np.sqrt((pose.x / 0.75) ** 2 + (pose.y / 0.58) ** 2))
    ribs = step(0.05 - ring, 0.05)
    bone = np.maximum(
        ellipse(
            pose,
            x=0,
            y=0.42,
            rx=0.12,
            ry=0.12,
        ),
        ribs,
    )
    body = 0.6 * ellipse(
        pose,
        x=0,
        y=0,
        rx=0.88,
        ry=0.68,
    )
    heart = 0.1 * ellipse(
        pose,
        x=0.08,
        y=-0.18,
        rx=0.2,
        ry=0.2,
    )
    return body - 0.5 * lungs + 0.3 * bone + heart


def _from_the_side(
    pose: Stance,
) -> np.ndarray:  # (size, size) brightness
    """Draw a chest from the side."""
    lung = ellipse(
        pose,
        x=0,
        y=-0.1,
        rx=0.52,
        ry=0.66,
        soft=0.1,
    ) * step(0.42 - pose.y + 0.4 * pose.x, 0.06)
    heart = ellipse(
        pose,
        x=-0.2,
        y=0.22,
        rx=0.3,
        ry=0.26,
        soft=0.1,
    )
    spine = ellipse(
        pose,
        x=0.62,
        y=0,
        rx=0.1,
        ry=1.2,
    )
    body = 0.65 * ellipse(
        pose,
        x=0,
        y=0.1,
        rx=0.85,
        ry=1.3,
    )
    return body - 0.4 * lung + 0.22 * heart + 0.15 * spine
