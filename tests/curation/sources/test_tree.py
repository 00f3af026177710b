"pytest tests/curation/test_tree.py"

import os
import subprocess

from cxr_fastai.curation.sources.tree import Tree, folder_tree, in_nfc

NAMES = [
    "a b.png",
    "ä/ö.png",
    "-dash.png",
    "new\nline.png",
    "x" * 251 + ".png",
    "Same.png",
    "same.png",
    "=1+2.png",
    "🫁.png",
]


def test_every_name_that_a_file_system_allows_is_listed_with_its_place(tmp_path):
    for n in NAMES:
        (tmp_path / n).parent.mkdir(exist_ok=True)
        (tmp_path / n).write_text(n)
    t = folder_tree(tmp_path)
    assert list(t.files) == sorted(NAMES) and not t.dropped
    assert all(open(f).read() == n for n, f in t.files.items())


def test_links_inside_count_and_all_others_are_dropped_with_a_reason(tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    (root / "sub").mkdir(parents=True)
    away.mkdir()
    (root / "sub" / "real.png").write_text("1")
    (away / "secret.png").write_text("2")
    for name, to in {
        "inside.png": root / "sub" / "real.png",
        "outside.png": away / "secret.png",
        "nothing.png": "no",
        "loop.png": "loop.png",
        "up": "..",
        "folder": away,
        "sub/round": root,
    }.items():
        os.symlink(to, root / name)
    os.mkfifo(root / "pipe.png")
    t = folder_tree(root)
    assert sorted(t.files) == ["inside.png", "sub/real.png"]
    assert {p: r for p, r, _ in t.dropped} == {
        "outside.png": "link_outside",
        "nothing.png": "dangling_link",
        "loop.png": "dangling_link",
        "up": "link_to_folder",
        "folder": "link_to_folder",
        "sub/round": "link_to_folder",
        "pipe.png": "not_regular",
    }


def test_a_root_that_is_itself_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_text("1")
    os.symlink(tmp_path / "disk" / "a.png", tmp_path / "disk" / "b.png")
    os.symlink(tmp_path / "disk", tmp_path / "mirror")
    assert list(folder_tree(tmp_path / "mirror").files) == ["a.png", "b.png"]


def test_folders_deeper_than_python_recurses_are_walked(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        here, old = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(old)
    with open(os.open("deep.png", os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as f:
        f.write("x")
    os.close(here)
    files = list(folder_tree(tmp_path).files)
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own clean-up recurses
    assert files == ["d/" * 1200 + "deep.png"]


def test_accents_are_composed_and_two_files_of_one_look_stay_two():
    apart, composed = "aigue\u0308/a.png", "aigu\u00eb/a.png"
    alone = in_nfc(Tree("here", {apart: "/1", "b.png": "/2"}))
    assert alone.files == {composed: "/1", "b.png": "/2"}
    both = in_nfc(Tree("here", {apart: "/1", composed: "/2"}))
    assert both.files == {apart: "/1", composed: "/2"}


def test_a_link_that_cannot_be_read_is_dropped(tmp_path, monkeypatch):
    (tmp_path / "a.png").symlink_to("b.png")

    def realpath(path):
        if str(path).endswith("a.png"):
            raise FileNotFoundError(2, "No such file or directory")
        return str(path)

    monkeypatch.setattr(os.path, "realpath", realpath)
    tree = folder_tree(tmp_path)
    message = "a link that cannot be read: No such file or directory"
    assert tree.dropped == (("a.png", "dangling_link", message),)


def test_links_are_followed_where_the_user_named_the_folder_and_no_folder_is_read_twice(tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    (root / "a").mkdir(parents=True)
    (away / "deep").mkdir(parents=True)
    for path in (away / "1.png", away / "deep/2.png", root / "a/3.png"):
        path.write_text("x")
    for name, to in {
        "file.png": away / "1.png",
        "b": away,
        "c": away / "deep",
        "a/round": root,
        "d": root / "a",
        "nothing.png": "no",
    }.items():
        os.symlink(to, root / name)
    tree = folder_tree(root, follow=True)
    assert list(tree.files) == ["a/3.png", "b/1.png", "b/deep/2.png", "file.png"]
    assert {path: reason for path, reason, _ in tree.dropped} == {
        "a/round": "folder_twice",
        "c": "folder_twice",
        "d": "folder_twice",
        "nothing.png": "dangling_link",
    }


def test_what_is_known_of_a_file_keeps_to_it_where_accents_are_composed():
    apart, composed = "aigue\u0308/a.png", "aigu\u00eb/a.png"
    tree = in_nfc(Tree("here", {apart: "/1"}, fields={apart: {"label": "x"}}))
    assert tree.fields == {composed: {"label": "x"}}
