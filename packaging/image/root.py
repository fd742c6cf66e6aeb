"""The root file system: Debian, our package, our files, and nothing that belongs to one box alone."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from executable.command import BuildError, run

from image.place import FILES

if TYPE_CHECKING:
    from pathlib import Path

    from image.place import Place

ENABLED = ("systemd-networkd", "systemd-resolved", "chrony", "ssh", "fstrim.timer", "vmsd-no-state", "vmsd-console")
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "systemd-repart.service",
    "systemd-firstboot.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrmachine.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "ctrl-alt-del.target",
)
"""Packages do not change here; nobody logs in at the screen."""
ONE_BOX_ALONE = (
    "etc/ssh/ssh_host_*",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    "var/lib/dbus/machine-id",
    "var/lib/vmsd/*",
)
LEFTOVERS = (
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/*",
    "var/lib/apt/lists/*",
    "var/cache/*",
    "var/log/*",
    "var/tmp/*",
    "tmp/*",
    "run/*",
    "boot/*.old",
    "initrd.img*",
    "vmlinuz*",
    "etc/*-",
    "usr/lib/grub/*/*cd*",
    "usr/share/grub",
)
POINTS = ("state", "boot/efi", "boot/vmsd", "var/lib/vmsd", "var/lib/vmsd-update", "var/cache", "var/log")
CHROOT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
NO_STARTS = "#!/bin/sh\nexit 101\n"


def make_tree(place: Place) -> None:
    tree = place.tree
    discard(tree)
    tree.mkdir(parents=True)
    run(["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f", place.base, "-C", tree])
    lay_files(tree)
    install(place)
    settle_units(tree)
    make_initrd(tree)
    clean(tree)
    settle_names(tree, place.version)
    settle_times(tree)


def discard(tree: Path) -> None:
    """The package makes the bare mount point immutable."""
    if tree.exists():
        run(["chattr", "-f", "-R", "-i", tree / "srv"])
        shutil.rmtree(tree)


def inside(tree: Path, *words: str) -> str:
    epoch = f"SOURCE_DATE_EPOCH={os.environ['SOURCE_DATE_EPOCH']}"
    return run(["chroot", tree, *CHROOT, epoch, *words])


def lay_files(tree: Path) -> None:
    for source in sorted((FILES / "root").rglob("*")):
        if source.is_file():
            target = tree / source.relative_to(FILES / "root")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    shutil.copytree(FILES / "partitions", tree / "usr/lib/vmsd-image/partitions", dirs_exist_ok=True)
    for point in POINTS:
        (tree / point).mkdir(parents=True, exist_ok=True)


def install(place: Place) -> None:
    """By dpkg, in the tree, where nothing is started."""
    policy = place.tree / "usr/sbin/policy-rc.d"
    policy.write_text(NO_STARTS, "ascii")
    policy.chmod(0o755)
    shutil.copyfile(place.package, place.tree / "tmp/vmsd.deb")
    run(["mount", "-t", "proc", "proc", place.tree / "proc"])
    try:
        inside(place.tree, "dpkg", "--install", "/tmp/vmsd.deb")  # noqa: S108 - the tree's own
    finally:
        run(["umount", place.tree / "proc"])
    run(["chattr", "-f", "-R", "-i", place.tree / "srv"])
    policy.unlink()


def settle_units(tree: Path) -> None:
    system = ["systemctl", "--quiet", f"--root={tree}"]
    run([*system, "enable", *ENABLED])
    run([*system, "mask", *MASKED])
    run([*system, "set-default", "multi-user.target"])


def settle_names(tree: Path, version: str) -> None:
    write(tree / "etc/hostname", "vmsd\n")
    write(tree / "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 vmsd\n::1 localhost ip6-localhost ip6-loopback\n")
    write(tree / "etc/machine-id", "")
    write(tree / "usr/lib/vmsd-image/version", f"{version}\n")
    write(tree / "usr/lib/clock-epoch", "")
    write(tree / "etc/chrony/chrony.keys", "")
    (tree / "etc/chrony/chrony.keys").chmod(0o640)
    generators = tree / "etc/systemd/system-generators"
    generators.mkdir(exist_ok=True)
    (generators / "systemd-ssh-generator").symlink_to("/dev/null")  # it would listen to the machine's own host
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")


def write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
    file.chmod(0o644)


def make_initrd(tree: Path) -> None:
    """GRUB asks for one name of each, whatever the kernel's version is."""
    kernels = sorted((tree / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise BuildError(f"{len(kernels)} kernels in the root file system, one is expected")
    version = kernels[0].name.removeprefix("vmlinuz-")
    inside(tree, "update-initramfs", "-u", "-k", version)
    for name in ("vmlinuz", "initrd.img"):
        link = tree / "boot" / name
        link.unlink(missing_ok=True)
        link.symlink_to(f"{name}-{version}")


def clean(tree: Path) -> None:
    for pattern in (*ONE_BOX_ALONE, *LEFTOVERS):
        for one in tree.glob(pattern):
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()


def settle_times(tree: Path) -> None:
    """Nothing is younger than the source; what Debian dated keeps its date."""
    latest = int(os.environ["SOURCE_DATE_EPOCH"])
    for one in [tree, *tree.rglob("*")]:
        if one.lstat().st_mtime > latest:
            os.utime(one, (latest, latest), follow_symlinks=False)
    os.utime(tree / "usr/lib/clock-epoch", (latest, latest))
