"""No link leads out of the recordings folder, and every deletion is durable or not done."""

from __future__ import annotations

import ctypes
import errno
import os
from types import SimpleNamespace

import pytest

from vmsd.host.tree import Folder, Tree

FOLDER = Folder("city", "camera")


@pytest.fixture
def tree(tmp_path) -> Tree:
    (tmp_path / "video" / "city" / "camera").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.mp4").write_bytes(b"secret")
    return Tree(tmp_path / "video")


def test_folders_lie_two_levels_down_and_are_no_links(tree: Tree, tmp_path):
    (tree.root / ".vmsd" / "snapshots").mkdir(parents=True)
    (tree.root / "city" / "linked").symlink_to(tmp_path / "outside")
    (tree.root / "linked").symlink_to(tmp_path / "outside")
    (tree.root / "file").write_bytes(b"")
    assert tree.folders() == [FOLDER]


def test_what_a_new_ext4_has_made_for_root_alone_is_not_looked_into(tree: Tree, monkeypatch):
    """It can be read by nobody but root, which the daemon is not: a look into it would end the whole scan."""
    (tree.root / "lost+found").mkdir()
    scandir = os.scandir

    def refused(path: object) -> object:
        if "lost+found" in str(path):
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert tree.folders() == [FOLDER]


def test_a_linked_folder_has_no_files_and_loses_none(tree: Tree, tmp_path):
    (tree.root / "city" / "linked").symlink_to(tmp_path / "outside")
    linked = Folder("city", "linked")
    assert tree.names(linked) == []
    assert tree.changed_ns(linked) is None
    with pytest.raises(OSError, match=r".*"):
        tree.unlink(linked, ["a.mp4"])
    assert (tmp_path / "outside" / "a.mp4").exists()


def test_a_linked_city_has_no_files_and_loses_none(tree: Tree, tmp_path):
    (tmp_path / "outside" / "camera").mkdir()
    (tmp_path / "outside" / "camera" / "b.mp4").write_bytes(b"")
    (tree.root / "linked").symlink_to(tmp_path / "outside")
    assert tree.names(Folder("linked", "camera")) == []
    with pytest.raises(OSError, match=r".*"):
        tree.unlink(Folder("linked", "camera"), ["b.mp4"])
    assert (tmp_path / "outside" / "camera" / "b.mp4").exists()


def test_a_linked_file_is_not_listed_nor_opened_and_only_its_link_is_removed(tree: Tree, tmp_path):
    link = tree.path(FOLDER, "a.mp4")
    link.symlink_to(tmp_path / "outside" / "a.mp4")
    assert tree.names(FOLDER) == []
    with pytest.raises(OSError, match=r".*"), tree.opened(FOLDER, "a.mp4"):
        pass
    assert tree.unlink(FOLDER, ["a.mp4"]) == ["a.mp4"]
    assert (tmp_path / "outside" / "a.mp4").read_bytes() == b"secret"


def test_a_pipe_in_the_place_of_a_file_does_not_block(tree: Tree):
    import os

    os.mkfifo(tree.path(FOLDER, "a.mp4"))
    with pytest.raises(OSError, match="regular"), tree.opened(FOLDER, "a.mp4"):
        pass


def test_deleting_says_what_is_gone_and_what_is_not(tree: Tree):
    tree.path(FOLDER, "a.mp4").write_bytes(b"")
    tree.path(FOLDER, "b.mp4").mkdir()
    assert tree.unlink(FOLDER, ["a.mp4", "b.mp4", "c.mp4"]) == ["a.mp4", "c.mp4"]
    assert tree.unlink(Folder("city", "none"), ["a.mp4"]) == ["a.mp4"]


def test_only_an_empty_folder_is_removed(tree: Tree):
    tree.path(FOLDER, "a.mp4").write_bytes(b"")
    assert not tree.remove_if_empty(FOLDER)
    tree.unlink(FOLDER, ["a.mp4"])
    assert tree.remove_if_empty(FOLDER)
    assert not tree.path(FOLDER, "").exists()
    assert (tree.root / "city").exists()


def test_a_file_gets_another_name_but_never_anothers(tree: Tree):
    for name in ("a.mp4", "b.mp4"):
        tree.path(FOLDER, name).write_text(name)
    tree.rename(FOLDER, "a.mp4", "c.mp4")
    with pytest.raises(FileExistsError):
        tree.rename(FOLDER, "b.mp4", "c.mp4")
    with pytest.raises(FileNotFoundError):
        tree.rename(FOLDER, "a.mp4", "d.mp4")
    assert {name: tree.path(FOLDER, name).read_text() for name in tree.names(FOLDER)} == {
        "b.mp4": "b.mp4",
        "c.mp4": "a.mp4",
    }


def test_a_file_system_without_the_newer_call_replaces_nothing_either(tree: Tree, monkeypatch):
    def renameat2(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(renameat2=renameat2))
    test_a_file_gets_another_name_but_never_anothers(tree)


def test_what_is_set_aside_lies_in_the_same_folder_elsewhere_beside_what_is_there(tree: Tree, tmp_path):
    for content in ("first", "second"):
        tree.path(FOLDER, "strange").write_text(content)
        assert tree.set_aside(FOLDER, "strange", ".aside") == ("strange" if content == "first" else "strange.1")
    there = tree.root / ".aside" / "city" / "camera"
    assert {path.name: path.read_text() for path in there.iterdir()} == {"strange": "first", "strange.1": "second"}
    assert tree.folders() == [FOLDER]
    (tree.root / ".away").symlink_to(tmp_path / "outside")
    tree.path(FOLDER, "strange").write_text("third")
    with pytest.raises(OSError, match=r".*"):
        tree.set_aside(FOLDER, "strange", ".away")
    assert tree.path(FOLDER, "strange").read_text() == "third"
