"""A children's clinic, a hospital and a tuberculosis clinic, with what is hidden in them.

python -m pytest tests/phantom/test_clinics.py
"""

from collections import Counter
from pathlib import Path

from PIL import Image
from toy_phantoms import (
    rows,
)


def test_official_test_patients_have_no_training_images(planted):
    chest = planted.mirror / "local/phantom_children/chest"
    train, test = (
        {p.name.split("_")[0].rsplit("-", 1)[0] for p in (chest / part).rglob("*.jpeg")}
        for part in ("train", "test")
    )
    assert train and test and not train & test


def test_some_patients_of_the_hospital_are_the_tuberculosis_clinics_too(planted, open_file):
    wards = {int(p.name.split("_")[0]) for p in open_file("phantom_hospital/images").glob("*.png")}
    tested = {int(p.name.split("_")[1]) for p in open_file("phantom_tb/CXR_png").glob("*.png")}
    assert sorted(f"ward:{i}" for i in wards & tested) == sorted(planted.shared_patients) != []


def test_the_tuberculosis_clinic_stores_three_forms_of_png(planted, open_file):
    modes = set()
    for p in open_file("phantom_tb/CXR_png").glob("*.png"):
        with Image.open(p) as im:
            modes.add(im.mode[0])
    assert modes == {"L", "I", "P"}


def test_archives_left_their_traces_in_the_childrens_clinic(planted, open_file):
    names = Counter(Path(name).name[:2] for name in planted.junk)
    assert names["._"] == 2 and names[".D"] == 2 and len(planted.junk) == 7
    nested = [name for name in planted.junk if "/chest/chest/" in name]
    for name in nested:
        original = name.replace("/chest/chest/", "/chest/")
        assert open_file(name).read_bytes() == open_file(original).read_bytes()


def test_a_cell_of_the_hospital_may_hold_two_findings(open_file):
    labels = Counter(
        row["Finding Labels"] for row in rows(open_file("phantom_hospital/labels.csv"))
    )
    assert labels == {"Cardiomegaly|Effusion": 4, "Mass": 4, "No Finding": 3}
