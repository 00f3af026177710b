"""The words for what comes of reading a picture."""

from pictures import (
    SOUND,
    rejection,
)

from cxr_fastai.images import NOTES, REASONS


def test_every_reason_is_explained_in_a_sentence():
    assert set(REASONS) == {
        "missing_file",
        "unreadable",
        "empty_file",
        "not_an_image",
        "format_not_allowed",
        "truncated",
        "damaged",
        "too_large",
        "too_small",
        "extreme_aspect",
        "animated",
        "constant",
        "not_finite",
        "unknown_range",
        "other_modality",
        "multi_frame",
        "no_pixels",
        "missing_extra",
    }
    assert all(
        text[0].isupper() and text.endswith(".") for text in [*REASONS.values(), *NOTES.values()]
    )


def test_a_message_is_one_printable_line_that_starts_with_the_name(tmp_path):
    file = tmp_path / "chest.png"
    file.write_bytes(SOUND["PNG"][:-40])
    assert str(rejection(file)).startswith(f"{file}: truncated PNG: ")
    assert str(rejection(SOUND["PNG"][:-40], name="scan 7.png")).startswith(
        "scan 7.png: truncated PNG: "
    )
    e = str(rejection(b"x", name="a\nb\x1b[31m\u202egpj.\udcff"))
    assert e.isprintable() and e.encode() and e.startswith("a b\\x1b[31m\\u202egpj.\\udcff: ")
