"""pytest tests/test_manifest.py"""

from dataclasses import replace
from math import isnan

import pytest
from dicom_files import film, write_dicom

from cxr_fastai.core import NotCurated, UnknownName, write_json, write_text
from cxr_fastai.manifest import (
    COLUMNS,
    MANIFEST,
    MANIFEST_VERSION,
    MAX_FAULTS_SHOWN,
    Record,
    check_manifest,
    check_rows,
    manifest_text,
    read_curation,
    read_manifest,
    to_csv,
)
from cxr_fastai.recipes import load_recipe

SIX = load_recipe("six_class")


def record(i, **cells):
    base = {c: "" for c in COLUMNS}
    base |= dict(
        path=f"normal/{i}.png",
        sha256="a" * 64,
        pixel_sha256=f"{i:064x}",
        phash="0123456789abcdef",
        source="s",
        label="normal",
        findings="no_finding",
        group=f"g{i}",
        split="train",
        age="54",
        sex="F",
        width="640",
        height="480",
        mode="L/8",
        licence="CC0",
    )
    return Record(**{**base, **cells})


@pytest.fixture
def folder(tmp_path):
    "Two rows and their images, which a manifest's checks never open."
    write_json(tmp_path / "curation.json", {"recipe": SIX.to_dict()})
    rows = [record(2, source_label='a "quoted", one\nwith a break'), record(1, split="test")]
    (tmp_path / "normal").mkdir()
    for r in rows:
        (tmp_path / r.path).touch()
    write_text(tmp_path / MANIFEST, manifest_text(rows, SIX))
    return tmp_path


def put_rows(folder, rows):
    "Write rows unchecked."
    (folder / "manifest.csv").write_text(
        to_csv([vars(r) for r in rows], COLUMNS), encoding="utf-8", newline=""
    )


def test_rows_come_back_as_they_were_written_in_the_order_of_their_paths(folder):
    m = read_manifest(folder)
    assert [r.path for r in m.rows] == ["normal/1.png", "normal/2.png"]
    assert m.rows[1].source_label == 'a "quoted", one\nwith a break'
    assert list(m.df.columns) == list(COLUMNS) and m.df.shape == (2, len(COLUMNS))
    assert list(m.part("test")["path"]) == ["normal/1.png"]
    assert m.vocab == SIX.vocab
    assert read_manifest(m) is m
    with pytest.raises(UnknownName, match="train, valid, test"):
        m.part("dev")


def test_numbers_of_the_frame_are_numbers_and_the_csv_keeps_its_text(folder):
    written = (folder / MANIFEST).read_bytes()
    rows = read_manifest(folder).rows
    rows = [replace(rows[0], age="0.5", width="640", bytes="9007199254740993", fold="0"), rows[1]]
    rows[1] = replace(rows[1], age="", width="", height="480", bytes="", fold="")
    write_text(folder / MANIFEST, manifest_text(rows, SIX))
    m = read_manifest(folder)
    assert m.df.age.dtype == "float64" and m.df.age[0] == 0.5 and isnan(m.df.age[1])
    for column in ("width", "height", "bytes", "fold"):
        assert m.df[column].dtype == "Int64", column
    assert m.df.width[0] == 640 and m.df.fold[0] == 0 and m.df.bytes[0] == 9007199254740993
    assert m.df[["width", "bytes", "fold"]].isna().iloc[1].all()
    assert m.df.width.mean() == 640 and list(m.df.path) == [row.path for row in m.rows]
    write_text(folder / MANIFEST, manifest_text(m.rows, SIX))
    assert b",0.5," in (folder / MANIFEST).read_bytes() and written


# ---- check

FAULTS = [  # cells of the second row, what is said of them
    (
        dict(label="healthy"),
        "unknown class 'healthy' in .*row 3, column label: expected one of bacterial_pneumonia, ",
    ),
    (dict(label="norml"), "Did you mean 'normal'"),
    (
        dict(split="dev"),
        "unknown split 'dev' in .*row 3, column split: expected one of train, valid, test",
    ),
    (
        dict(findings="mass|masss"),
        "unknown finding 'masss' in .*row 3, column findings: .*Did you mean 'mass'",
    ),
    (dict(group=""), "row 3, column group: empty"),
    (dict(sha256=""), "column sha256: empty"),
    (dict(path="normal/1.png"), "row 3, column path: 'normal/1.png' stands twice, in row 2 too"),
    (
        dict(path="Normal/1.PNG"),
        "column path: 'Normal/1.PNG' differs from row 2's in upper and lower case only",
    ),
    (
        dict(pixel_sha256=f"{1:064x}"),
        "row 3, column pixel_sha256: that of row 2: the image stands twice",
    ),
    (dict(group="g1"), "row 3, column group: 'g1' is in test and in train"),
    (dict(patient="p", split="valid"), "column patient: 'p' is in test and in valid"),
    *(
        (dict(path=p), "column path: .*expected a path within the folder")
        for p in (
            "/etc/passwd",
            "../x.png",
            "normal/../../x.png",
            "normal/..",
            "C:/x.png",
            r"normal\x.png",
            "normal//x.png",
            "normal/",
            "./x.png",
        )
    ),
    *(
        (dict(sha256=v), "column sha256: .*expected 64 lower-case hex digits")
        for v in ("a" * 63, "A" * 64, "g" * 64)
    ),
    *((dict(phash=v), "column phash: .*expected 16 ") for v in ("a" * 15, "0" * 16 + "\n")),
    *(
        (dict(age=v), f"column age: '{v}': expected years from 0 to 120")
        for v in ("121", "-1", "045Y", "1e2", "٤٥")
    ),
    *((dict(sex=v), f"column sex: '{v}': expected F, M, or empty") for v in ("f", "O", "F|M")),
    *(
        (dict(width=v), f"column width: '{v}': expected a whole number of pixels")
        for v in ("0", "-3", "1.5", "x")
    ),
    (dict(height="0"), "column height: '0'"),
    (dict(source="a b"), "column source: 'a b': expected an id"),
    (dict(source="Nih"), "column source"),
    (dict(upstream="nih||rsna"), r"column upstream: 'nih\|\|rsna': expected source ids"),
]


@pytest.mark.parametrize("change,said", FAULTS)
def test_a_broken_promise_is_named_when_written_when_read_and_when_checked(folder, change, said):
    rows = [record(1, split="test", patient="p"), replace(record(2), **change)]
    with pytest.raises(NotCurated, match=said):
        check_rows(rows, SIX, "here")
    with pytest.raises(NotCurated):
        write_text(folder / MANIFEST, manifest_text(rows, SIX))
    put_rows(folder, rows)
    with pytest.raises(NotCurated, match=said) as e:
        read_manifest(folder)
    assert str(folder / "manifest.csv") in str(e.value) and "\n" not in str(e.value)
    assert str(e.value).removesuffix(" Curate the folder again.") in check_manifest(folder)


@pytest.mark.parametrize(
    "change",
    [
        dict(age=""),
        dict(age="0"),
        dict(age="120"),
        dict(age="0.08"),
        dict(sex="M"),
        dict(sex=""),
        dict(findings=""),
        dict(findings="mass|edema"),
        dict(upstream="*"),
        dict(upstream="nih_full|rsna"),
        dict(patient=""),
        dict(view="AP"),
        dict(path="train/normal/ä ö.png"),
        dict(path="..hidden/x..png"),
        dict(phash=""),
        dict(width="", height=""),
    ],
)
def test_what_a_manifest_may_hold_passes(folder, change):
    rows = [record(1, split="test"), replace(record(2), **change)]
    assert check_rows(rows, SIX, "here") is None
    write_text(folder / MANIFEST, manifest_text(rows, SIX))
    assert rows[1] in read_manifest(folder).rows


def test_all_faults_are_listed_in_the_order_of_the_rows_and_long_lists_are_cut(folder):
    assert check_manifest(folder) == check_manifest(folder / "manifest.csv") == []
    rows = [record(1, age="x", sex="x"), record(2, split="dev"), record(3)]
    put_rows(folder, rows)
    at = folder / "manifest.csv"
    assert [f.split(": ")[0] for f in check_manifest(folder)] == [
        f"{at}, row 2, column age",
        f"{at}, row 2, column sex",
        f"unknown split 'dev' in {at}, row 3, column split",
        f"{at}, row 4, column path",
    ]
    assert "no file 'normal/3.png' in the folder" in check_manifest(folder)[-1]
    put_rows(folder, [record(i, sex="x\ny") for i in range(100)])
    said = check_manifest(folder)
    assert (
        len(said) == MAX_FAULTS_SHOWN + 1
        and said[-1].endswith("and 178 more faults.")
        and not any("\n" in s for s in said)
    )


def test_rows_of_too_few_cells_do_not_shift_the_numbers_of_the_others(folder):
    lines = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    bad = to_csv([vars(record(9, sex="x"))], COLUMNS).splitlines(keepends=True)[1]
    (folder / "manifest.csv").write_text(lines[0] + "one,cell\n" + bad)
    said = check_manifest(folder)
    assert [s.removeprefix(str(folder / "manifest.csv")) for s in said] == [
        f", row 2: expected {len(COLUMNS)} cells.",
        ", row 3, column sex: 'x': expected F, M, or empty.",
        ", row 3, column path: no file 'normal/9.png' in the folder.",
    ]
    with pytest.raises(NotCurated, match=f"row 2: expected {len(COLUMNS)} cells"):
        read_manifest(folder)


def test_a_checker_of_a_folder_without_manifest_or_request_says_so_and_raises_nothing(
    folder, tmp_path_factory
):
    assert "cxr curate" in check_manifest(tmp_path_factory.mktemp("empty"))[0]
    assert "no folder" in check_manifest("gone")[0]
    (folder / "curation.json").unlink()
    put_rows(folder, [record(1, sex="x")])
    assert [("curation.json" in s, "column sex" in s) for s in check_manifest(folder)] == [
        (True, False),
        (False, True),
    ]


def test_of_many_faults_only_those_shown_are_spelled_out(folder, monkeypatch):
    put_rows(folder, [record(i, label=f"healthy{i}") for i in range(2_000)])
    spelled = []

    def counted(*args):
        spelled.append(args)
        return "unknown"

    monkeypatch.setattr("cxr_fastai.manifest_check.unknown_name", counted)
    assert len(check_manifest(folder)) == MAX_FAULTS_SHOWN + 1
    assert len(spelled) <= MAX_FAULTS_SHOWN


# ---- version


def test_a_folder_of_a_newer_version_is_refused_before_anything_else(folder):
    write_json(
        folder / "curation.json",
        {"manifest_version": MANIFEST_VERSION + 1, "recipe": "of a form to come"},
    )
    (folder / "manifest.csv").write_text("columns,to,come\n")
    with pytest.raises(NotCurated) as e:
        read_manifest(folder)
    assert str(e.value) == (
        f"{folder / 'curation.json'}: written by a newer cxr_fastai (manifest version 5; "
        "this one reads 4): update the package."
    )
    assert str(e.value) in check_manifest(folder)


@pytest.mark.parametrize("version,last", [(1, "licence"), (2, "repeat_of"), (3, "jpeg_tables")])
def test_a_folder_of_an_earlier_version_is_read_as_it_was(folder, version, last):
    rows = read_manifest(folder).rows
    write_json(folder / "curation.json", {"manifest_version": version, "recipe": SIX.to_dict()})
    columns = COLUMNS[: COLUMNS.index(last) + 1]
    cells = [{column: getattr(row, column) for column in columns} for row in rows]
    text = to_csv(cells, columns)
    assert "study" not in text
    (folder / "manifest.csv").write_text(text, encoding="utf-8", newline="")
    assert read_manifest(folder).rows == rows and check_manifest(folder) == []
    (folder / "manifest.csv").write_text(text + "one,cell\n", encoding="utf-8", newline="")
    with pytest.raises(NotCurated, match=f"row 4: expected {len(columns)} cells"):
        read_manifest(folder)


@pytest.mark.parametrize("version", [MANIFEST_VERSION, None])
def test_this_version_is_read_and_no_version_is_the_first(folder, version):
    said = {"recipe": SIX.to_dict()} | ({"manifest_version": version} if version else {})
    write_json(folder / "curation.json", said)
    assert read_curation(folder) == said and len(read_manifest(folder).rows) == 2


@pytest.mark.parametrize("version", ["1", 0, -1, 1.0, None, True, [1]])
def test_a_version_that_is_none_is_named(folder, version):
    write_json(
        folder / "curation.json",
        {"manifest_version": version, "recipe": SIX.to_dict()},
    )
    with pytest.raises(NotCurated, match="key manifest_version: .*expected a whole number"):
        read_manifest(folder)


# ---- damage


@pytest.mark.parametrize(
    "damage,said",
    [
        (
            lambda t: t.replace("phash", "pash", 1),
            "row 1: unknown column 'pash'.*Did you mean 'phash'.*Missing: phash",
        ),
        (lambda t: t.replace("phash,", "", 1), "row 1: missing: phash"),
        (lambda t: t.replace("phash", "phash,note", 1), "row 1: unknown column 'note'"),
        (
            lambda t: t.replace("phash", "sha256", 1),
            "row 1: column sha256 stands twice. Missing: phash",
        ),
        (
            lambda t: t.replace("path,sha256", "sha256,path", 1),
            "row 1: the columns stand in another order",
        ),
        (lambda t: t + "one,cell\n", f"row 4: expected {len(COLUMNS)} cells"),
        (lambda t: "", "row 1: no columns: the file is empty"),
        (lambda t: t + '"' + "x" * 200_000, "no readable csv"),
    ],
)
def test_damage_is_named(folder, damage, said):
    file = folder / "manifest.csv"
    file.write_text(damage(file.read_text()))
    with pytest.raises(NotCurated, match=said) as e:
        read_manifest(folder)
    assert (
        str(file) in str(e.value) and "\n" not in str(e.value) and len(check_manifest(folder)) == 1
    )


@pytest.mark.parametrize(
    "data", [b"\xff\xfep\0a\0", b"\x89PNG\r\n\x1a\n\0\0", b"PK\x03\x04" + bytes(range(256))]
)
def test_a_file_that_is_no_csv_at_all_is_one_line(folder, data):
    (folder / "manifest.csv").write_bytes(data)
    with pytest.raises(NotCurated) as e:
        read_manifest(folder)
    assert check_manifest(folder) == [str(e.value)] and "\n" not in str(e.value)


def test_a_folder_that_was_not_curated_is_told_how_to_be(tmp_path):
    with pytest.raises(NotCurated, match="cxr curate"):
        read_manifest(tmp_path)
    with pytest.raises(NotCurated, match="no folder"):
        read_manifest(tmp_path / "gone")
    (tmp_path / "manifest.csv").write_text("x")
    (tmp_path / "curation.json").write_text("[]")
    with pytest.raises(NotCurated, match="no JSON object"):
        read_manifest(tmp_path)
    (tmp_path / "curation.json").unlink()
    with pytest.raises(NotCurated, match="curation.json"):
        read_manifest(tmp_path)


def test_a_folder_around_a_curated_one_names_it(tmp_path):
    curated = tmp_path / "films" / "curated"
    curated.mkdir(parents=True)
    (curated / "curation.json").write_text("{}")
    (curated / MANIFEST).write_text("")
    with pytest.raises(NotCurated) as e:
        read_manifest(curated.parent)
    assert str(e.value) == (
        f"{curated.parent} holds no manifest.csv itself: give the curated folder in it, {curated}."
    )


# ---- formulas


def test_a_formula_in_a_manifest_is_harmless_in_the_file_and_whole_in_the_row(folder):
    rows = [
        record(1, original_path="=cmd|'/c calc'!A0", source_label="'@who"),
        record(2, original_path="-1/x\r.png"),
    ]
    write_text(folder / MANIFEST, manifest_text(rows, SIX))
    assert read_manifest(folder).rows == rows
    assert ",'=cmd|'/c calc'!A0,''@who," in (folder / "manifest.csv").read_text()


def test_a_cell_that_an_older_version_wrote_bare_is_read_as_it_stands(folder):
    text = (folder / "manifest.csv").read_text()
    (folder / "manifest.csv").write_text(text.replace('a ""quoted', '=a ""quoted'))
    assert read_manifest(folder).rows[1].source_label == '=a "quoted", one\nwith a break'


def test_a_folder_of_images_is_told_the_command_that_curates_it(tmp_path):
    (tmp_path / "my films/normal").mkdir(parents=True)
    (tmp_path / "my films/normal/a.JPG").write_text("x")
    with pytest.raises(NotCurated) as e:
        read_manifest(tmp_path / "my films")
    folder = f"'{tmp_path}/my films'"
    assert f"cxr curate --folder {folder} --out '{tmp_path}/my films_curated'" in str(e.value)
    assert f"cxr prototype {folder}" in str(e.value) and "\n" not in str(e.value)
    (tmp_path / "my films/normal/a.JPG").rename(tmp_path / "my films/normal/.a.JPG")
    with pytest.raises(NotCurated, match="--mirror"):
        read_manifest(tmp_path / "my films")


def test_a_disc_of_dicom_that_is_not_curated_is_told_how_to_be(tmp_path):
    disc = tmp_path / "films" / "normal" / "DICOM" / "PAT00001" / "ST00001" / "SE00001"
    write_dicom(disc / "IM00001", film(1))
    with pytest.raises(NotCurated, match="holds images and no manifest.csv.*cxr curate --folder"):
        read_manifest(tmp_path / "films")
