"""`cxr predict` in this process: what is checked before the bundle is read."""

from toy_sources import put

from cxr_fastai import cli


def test_a_csv_that_is_one_of_the_images_is_refused_before_the_bundle(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    before = (tmp_path / "a.png").read_bytes()
    assert cli.main(["predict", "gone", "a.png", "--csv", "a.png"]) == 2
    assert "--csv" in capsys.readouterr().err and (tmp_path / "a.png").read_bytes() == before
