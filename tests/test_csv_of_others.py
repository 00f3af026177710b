"""Csv files as other programs save them: read alike however they are saved, refused where they cannot be told."""

import io
import zipfile

import pytest

from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.csv_of_others import read_csv_of_others

HEADER = ["file", "label", "note"]
ROWS = [["a.png", "Normal", "two, three; four"], ["b.png", "TB", 'said "so"\non two lines']]


def saved(separator=",", end="\n", encoding="utf-8", rows=(HEADER, *ROWS)):
    "The bytes of a table, every cell with anything odd in it quoted."
    lines = []
    for row in rows:
        cells = []
        for cell in row:
            plain = not set(cell) & set(',;\t|"\n')
            cells.append(cell if plain else '"' + cell.replace('"', '""') + '"')
        lines.append(separator.join(cells))
    return (end.join(lines) + end).encode(encoding)


def cells(table):
    return [[row.cells[column] for column in table.columns] for row in table.rows]


@pytest.mark.parametrize(
    "separator,name", [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_a_table_is_read_alike_however_it_was_saved(separator, name, end, encoding):
    table = read_csv_of_others(saved(separator, end, encoding), "t.csv")
    assert table.columns == ("file", "label", "note")
    assert cells(table) == ROWS
    assert table.separator_name == name
    assert [row.number for row in table.rows] == [2, 3]


@pytest.mark.parametrize(
    "encoding,named",
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_said_and_excels_with_the_first_letter_by_which_a_reader_can_judge_it(
    encoding, named
):
    table = read_csv_of_others(
        saved(encoding=encoding, rows=(HEADER, ["ü.png", "Entzündung", "€"])), "t.csv"
    )
    assert cells(table) == [["ü.png", "Entzündung", "€"]]
    assert table.encoding == named
    assert table.foreign == ("ü.png" if named == "cp1252" else "")


def test_rows_are_counted_as_a_spreadsheet_does_and_blank_ones_left_out():
    table = read_csv_of_others(
        b"\n file ;label;\n\n;;\n a.png ;Normal\n \xe2\x80\x8b;;\nb.png;TB;;\n", "t.csv"
    )
    assert table.columns == ("file", "label")
    assert [(row.number, dict(row.cells)) for row in table.rows] == [
        (5, {"file": "a.png", "label": "Normal"}),
        (7, {"file": "b.png", "label": "TB"}),
    ]


def test_blanks_before_a_quoted_cell_are_none_of_it():
    table = read_csv_of_others(b'file, label\na.png, "TB, active"\n', "t.csv")
    assert [dict(row.cells) for row in table.rows] == [{"file": "a.png", "label": "TB, active"}]


def test_cells_that_are_missing_are_blank_and_those_beyond_the_columns_are_told():
    table = read_csv_of_others(b"file,label\na.png\nb.png,COVID, severe\nc.png,TB,,\n", "t.csv")
    assert [row.cells["label"] for row in table.rows] == ["", "COVID", "TB"]
    assert [row.surplus for row in table.rows] == [(), ("severe",), ()]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_by_which_excel_is_told_the_separator_is_no_header(line):
    table = read_csv_of_others(f"{line}\r\nfile;label, if any\r\na.png;TB\r\n".encode(), "t.csv")
    assert table.columns == ("file", "label, if any")
    assert [row.number for row in table.rows] == [3]


@pytest.mark.parametrize(
    "text,separator",
    [
        ("file;label, if any\na.png;TB\nb.png;Normal\n", ";"),
        ('"file;x",label\n1;2,TB\n', ","),
        ("file\tlabel;other\na.png\tTB\n", "\t"),
        ("file,labels\na.png,A|B\nb.png,C;D\n", ","),
        ("file\na.png\n", ","),
    ],
)
def test_the_separator_is_that_which_parts_header_and_rows(text, separator):
    assert read_csv_of_others(text.encode(), "t.csv").separator == separator


@pytest.mark.parametrize(
    "text", ["file;label,note\n", "file;label,note\na.png;TB,x\n", "a;b,c\n1;2\n3,4\n"]
)
def test_a_separator_that_cannot_be_told_is_refused(text):
    with pytest.raises(
        IntegrityError, match="t.csv: its cells may be parted by comma or semicolon"
    ):
        read_csv_of_others(text.encode(), "t.csv")


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            content = (
                "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "<x/>"
            )
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "data,said",
    [
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook: save it as csv"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "an Excel workbook .xls.: save it as csv"),
        (zipped("mimetype"), "an OpenDocument spreadsheet: save it as csv"),
        (zipped("Index/Document.iwa"), "a Numbers document: export it as csv"),
        (b"<html><table>", "a web page"),
    ],
)
def test_a_workbook_is_refused_with_the_way_to_a_csv(data, said):
    with pytest.raises(UsageError, match=f"t.csv: no csv but {said}"):
        read_csv_of_others(data, "t.csv", UsageError)


@pytest.mark.parametrize(
    "data,said",
    [
        (b"", "t.csv: it is empty"),
        (b"\n ;\n", "t.csv: it is empty"),
        (b"a,b\n1,\0\n", "zero byte"),
        (b"a,b\n1,\xfc\0\n", "zero byte"),
        ("a,b\nü,ö\n".encode() + b"\xff,1\n", "UTF-8, but for a damaged letter .line 3, byte 10"),
        ("a,b\nпример,1\n".encode("cp1251"), None),
        ("a,b\n1,\x81\n".encode("latin-1"), "neither UTF-8 nor cp1252.* .line 2, byte 6"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "not utf-16: truncated data"),
        (b"a,b,a\n1,2,3\n", "row 1: column 'a' stands twice"),
        (b'a,b\n1,2\n3,"x\n4,5\n', "row 3 .3,.x ..*close the quotes"),
        (b'a,b\n1,"x"y\n', "row 2 .*close the quotes"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(data, said):
    if said is None:  # another 8-bit encoding reads as Excel's: the first text is there to judge by
        assert read_csv_of_others(data, "t.csv").foreign == "ïðèìåð"
        return
    with pytest.raises(IntegrityError, match=said) as e:
        read_csv_of_others(data, "t.csv")
    assert "\n" not in str(e.value)
