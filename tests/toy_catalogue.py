"""A toy source with a catalogue, in an empty folder."""

from toy_sources import put, rule, write_catalog

LABELS = dict(
    bac="bacterial_pneumonia",
    cov="covid_19",
    norm="no_finding",
    mass="mass",
    tb="tuberculosis",
    vir="viral_pneumonia",
)


def catalogued(folder):
    """one/LABEL/N.png and c.csv in `folder`."""
    for k, label in enumerate(LABELS):
        for i in range(6):
            put(folder / "one" / label / f"{i}.png", 10 * k + i)
    rows = [
        rule(first=i == 0, label_value=label, findings=finding)
        for i, (label, finding) in enumerate(LABELS.items())
    ]
    write_catalog(folder / "c.csv", *rows)
    return folder
