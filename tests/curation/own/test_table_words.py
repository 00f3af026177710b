"""What was read into a csv of one's own, in words."""

from cxr_fastai.curation.own.table_words import counted_texts


def test_texts_are_counted_the_commonest_first_and_blank_last():
    assert (
        counted_texts({"": 4, "tb": 3, "Normal": 4, "a": 3}) == "4 'Normal', 3 'a', 3 'tb', 4 blank"
    )
    assert counted_texts({}) == ""


def test_many_texts_are_summed_up():
    many = {f"t{k}": 20 - k for k in range(10)}
    assert counted_texts(many).endswith("13 't7', 23 in 2 other texts")
