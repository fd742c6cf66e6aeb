"""The steps of the set-up, on throw-away checkouts with real commands."""

import io
import json
import os
import re
import stat
import subprocess
import sys

import pytest
from setup import catalogues, debian, environment, frontend, mediaserver
from setup.debian import Need
from setup.errors import SetupError
from setup.progress import Progress
from setup.shell import Shell
from setup.tree import Tree


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    return Tree(tmp_path)


@pytest.fixture
def shell(tree):
    return Shell(tree, lambda: None)


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_failed_command_brings_its_last_words_and_the_advice(shell, tree):
    with pytest.raises(SetupError) as failure:
        shell.run(["sh", "-c", "seq 100; echo broken >&2; exit 7"], "mend it")
    assert "ended with code 7" in str(failure.value)
    assert failure.value.advice == "mend it"
    assert failure.value.output.splitlines()[-2:] == ["100", "broken"]
    assert len(failure.value.output.splitlines()) < 20
    assert "broken" in tree.log.read_text()


def test_a_command_that_does_not_exist_is_told_apart(shell):
    assert shell.answer(["no-such-command-anywhere"])[0] == 127


def test_an_interrupted_step_leaves_no_command_behind(tree):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Shell(tree, interrupt).answer(["sh", "-c", "echo $$ > pid; exec sleep 60"])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tree.root / "pid").read_text()), 0)


def test_a_second_set_up_of_the_same_checkout_waits_for_the_first(tree):
    waiting = (
        "import sys; from pathlib import Path; from setup.tree import Tree\n"
        "with Tree(Path(sys.argv[1])).locked(lambda: print('waits', flush=True)): print('works', flush=True)"
    )
    path = os.pathsep.join(sys.path)
    with tree.locked(lambda: None):
        second = subprocess.Popen(
            [sys.executable, "-c", waiting, tree.root],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert second.stdout.readline() == "waits\n"
        assert second.poll() is None
    assert second.communicate(timeout=30)[0] == "works\n"


def test_a_change_of_a_lock_file_is_noticed_and_its_absence_too(tree):
    before = tree.fingerprint("lock")
    (tree.root / "lock").write_text("a==1")
    filled = tree.fingerprint("lock")
    (tree.root / "lock").write_text("a==2")
    assert len({before, filled, tree.fingerprint("lock")}) == 3


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose apt-get writes down what it was told and brings the packages `tool-a` and `tool-b`."""
    bin_folder = tmp_path / "machine"
    script(
        bin_folder / "apt-get",
        f'echo "$@" >> {tmp_path}/apt.log\n'
        f'for word; do case $word in tool-*) printf "#!/bin/sh\\n" > {bin_folder}/$word;'
        f" chmod +x {bin_folder}/$word;; esac; done",
    )
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    monkeypatch.setattr(debian, "SYSTEM_PATH", str(bin_folder))
    return tmp_path / "apt.log"


NEEDS = [
    debian.command("tool-a", "tool-a", "the letter a"),
    debian.command("tool-b", "tool-b", "the letter b"),
]


def test_root_gets_only_what_is_missing_after_one_update(machine, shell, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script(machine.parent / "machine" / "tool-a", "")
    step = debian.step(NEEDS, shell)
    assert not step.is_done()
    assert step.do() == "tool-b"
    assert step.is_done()
    update, install = machine.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --no-install-recommends tool-b")


def test_others_are_told_what_to_type_and_nothing_is_tried(machine, shell, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError) as failure:
        debian.step(NEEDS, shell).do()
    assert "apt-get install --no-install-recommends tool-a tool-b" in failure.value.advice
    assert "the letter b" in failure.value.advice
    assert not machine.exists()


def test_a_package_that_brings_not_what_it_should_is_no_success(machine, shell, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SetupError, match="still do not work"):
        debian.step([Need("tool-a", "nothing", lambda: False)], shell).do()


def test_a_virtual_environment_of_another_folder_is_not_trusted(root, tree):
    """A copied or moved checkout carries scripts that start the Python of the old place."""
    assert environment.works(Tree(root))
    (tree.root / ".venv").symlink_to(root / ".venv")
    assert not environment.works(tree)


def test_a_broken_virtual_environment_goes_with_all_that_was_remembered(tree):
    tree.set_stamp("packages", "old")
    environment.remove_broken(tree)
    assert tree.stamp("packages") == ""


INSTALL_PY = "import sys\nprint({said!r}, file={stream})\nsys.exit({code})\n"


def put_install_py(tree, said, code, stream="sys.stdout"):
    folder = tree.root / "mediamtx"
    folder.mkdir(exist_ok=True)
    (folder / "version.toml").write_text('version = "1.20.1"\n')
    (folder / "install.py").write_text(INSTALL_PY.format(said=said, code=code, stream=stream))


def test_without_the_release_the_stand_in_is_used_and_said_aloud(tree, shell):
    put_install_py(tree, "no network", 3, "sys.stderr")
    step = mediaserver.step(tree, shell, try_again=False)
    assert not step.is_done()
    assert "no network" in step.do()
    assert any("STAND-IN" in line for line in mediaserver.notice(tree))
    assert step.is_done(), "an offline machine is not made to wait at each start"
    assert not mediaserver.step(tree, shell, try_again=True).is_done(), "`make setup` tries again"


def test_a_refused_release_stops_the_set_up(tree, shell):
    put_install_py(tree, "checksum is wrong", 1, "sys.stderr")
    with pytest.raises(SetupError) as failure:
        mediaserver.step(tree, shell, try_again=False).do()
    assert "checksum is wrong" in failure.value.output
    assert tree.stamp("mediamtx") == ""


def test_a_found_program_is_remembered_until_it_changes(tree, shell, monkeypatch):
    binary = tree.root / "mediamtx" / "bin" / "mediamtx"
    put_install_py(tree, str(binary), 0)
    script(binary, "echo v1.20.1")
    step = mediaserver.step(tree, shell, try_again=True)
    assert step.do() == "version 1.20.1 at mediamtx/bin/mediamtx"
    assert step.is_done()
    assert mediaserver.notice(tree) == []
    monkeypatch.setenv("MEDIAMTX_BINARY", "/elsewhere")
    assert not step.is_done()
    monkeypatch.delenv("MEDIAMTX_BINARY")
    script(binary, "echo something else")
    assert not step.is_done()


def test_catalogues_are_compiled_again_when_a_text_changes(root, tree, shell):
    tools = tree.venv / "bin"
    tools.mkdir(parents=True)
    (tools / "pybabel").symlink_to(root / ".venv" / "bin" / "pybabel")
    source = tree.web / "locale" / "pt_BR" / "LC_MESSAGES" / "vmsd.po"
    source.parent.mkdir(parents=True)
    step = catalogues.step(tree, shell)
    for word in ("Câmeras", "Gravações"):
        source.write_text(
            f'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "x"\nmsgstr "{word}"\n'
        )
        assert not step.is_done()
        step.do()
        assert step.is_done()
        assert word.encode() in source.with_suffix(".mo").read_bytes()
    source.with_suffix(".mo").unlink()
    assert not step.is_done()


def test_the_front_end_is_locked_to_contents_and_to_no_address(root):
    lock = (root / "web" / "package-lock.json").read_text()
    package = json.loads((root / "web" / "package.json").read_text())
    packages = json.loads(lock)["packages"]
    assert "://" not in lock
    assert "resolved" not in lock
    assert all(entry["integrity"].startswith("sha512-") for path, entry in packages.items() if path)
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_the_sprite_holds_exactly_the_listed_icons(root):
    lines = (root / "web" / "icons.txt").read_text().splitlines()
    sprite = (root / "web" / "static" / "vendor" / "icons.svg").read_text()
    assert set(re.findall(r'<symbol id="([^"]+)"', sprite)) == {
        line for line in lines if line and not line.startswith("#")
    }


def test_what_only_tests_need_is_not_served(root):
    assert (root / "web" / "node_modules" / "axe-core" / "axe.min.js").is_file()
    assert not list((root / "web" / "static").rglob("axe*"))


def test_node_is_wanted_only_until_the_files_are_there(tree):
    assert [need.package for need in frontend.needs(tree)] == ["nodejs", "npm"]
    for output in frontend.OUTPUTS:
        script(tree.web / output, "")
    tree.set_stamp("frontend", tree.fingerprint(*frontend.INPUTS))
    assert frontend.needs(tree) == ()


def test_a_failure_says_what_to_do_and_a_warning_stands_out(tree):
    out = io.StringIO()
    progress = Progress(out)
    progress.start(2, 7, "Python packages")
    progress.fail(SetupError("pip ended with code 1", "look at the proxy", "no route to host"), tree.log)
    progress.warn(["the STAND-IN"])
    text = out.getvalue()
    assert "[2/7] Python packages: failed" in text
    assert "no route to host" in text
    assert "What to do: look at the proxy" in text
    assert "* the STAND-IN *" in text
    assert "\x1b" not in text
