"""The disk: FAT partitions and the root file system as files, then all of them in one GPT image; no loop devices."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from executable.command import BuildError, run

from image.place import FILES

if TYPE_CHECKING:
    from pathlib import Path

    from image.place import Place

MIB = 1 << 20
SITE_MIB, ESP_MIB, ROOT_MIB = 64, 128, 2048
SECTOR = 512
IDS = "5d1e2f7c-0d3b-4c1a-9a57-766d7364000"
BASIC_DATA = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
"""What Windows shows; it hides an ESP."""
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
ROOT_ID = f"{IDS}7"
BLOCK, ROOM = 4096, 1.04
"""How much more than its files a file system needs that is never written to: inodes and tables."""
GRUBENV = "# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n"
EXAMPLE = FILES.parents[1] / "deb/files/site.toml.example"
SHIM = "usr/lib/shim/shimx64.efi.signed"
GRUB = "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"


def make_root(place: Place) -> None:
    """By the Debian in the tree, whose mke2fs dates everything as SOURCE_DATE_EPOCH says; no journal, never written."""
    tree = place.tree
    blocks = inodes = 0
    for one in tree.rglob("*"):
        inodes += 1
        blocks += 1 if one.is_dir() and not one.is_symlink() else -(-one.lstat().st_size // BLOCK)
    inodes += 2000
    size_mib = int((blocks * BLOCK + inodes * 256) * ROOM / MIB) + 24
    if size_mib > ROOT_MIB:
        raise BuildError(f"the root file system needs {size_mib} MiB, its partition has {ROOT_MIB}")
    bare = tree / "mnt", tree / "media"
    run(["mount", "--bind", tree, bare[0]])
    run(["mount", "--bind", place.work, bare[1]])
    options = ["-O", "^has_journal,^metadata_csum_seed", "-E", f"hash_seed={ROOT_ID},lazy_itable_init=0,nodiscard"]
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-m", "0", "-N", str(inodes), "-U", ROOT_ID]
    target = place.root
    target.unlink(missing_ok=True)
    try:
        epoch = f"SOURCE_DATE_EPOCH={os.environ['SOURCE_DATE_EPOCH']}"
        name = f"/media/{target.name}"
        run(
            [
                "chroot",
                tree,
                "env",
                "-i",
                "PATH=/usr/sbin:/usr/bin",
                epoch,
                *words,
                *options,
                "-L",
                "vmsd-root",
                "-d",
                "/mnt",
                name,
                f"{size_mib}M",
            ]
        )
    finally:
        for point in bare:
            run(["umount", point])


def make_fat(file: Path, label: str, size_mib: int, content: Path) -> None:
    """Whole clusters of one sector: at these sizes anything else is no valid FAT32, and firmware passes it over."""
    file.unlink(missing_ok=True)
    with file.open("wb") as opened:
        opened.truncate(size_mib * MIB)
    serial = f"{sum(label.encode()):08x}"
    run(["mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", serial, "-n", label, file])
    at = int(os.environ["SOURCE_DATE_EPOCH"])
    for one in content.rglob("*"):
        os.utime(one, (at, at))
    for one in sorted(content.iterdir()):
        run(["mcopy", "-s", "-m", "-Q", "-i", file, one, "::/"], env={"TZ": "UTC", "MTOOLS_SKIP_CHECK": "1"})


def make_esp(place: Place) -> Path:
    """Debian's shim is what firmware starts, as from a stick: no entry in its memory is needed."""
    content = fresh(place.work / "esp")
    boot, debian = content / "EFI/BOOT", content / "EFI/debian"
    boot.mkdir(parents=True)
    debian.mkdir()
    shutil.copyfile(place.tree / SHIM, boot / "BOOTX64.EFI")
    shutil.copyfile(place.tree / GRUB, boot / "grubx64.efi")
    shutil.copyfile(FILES / "boot/grub.cfg", debian / "grub.cfg")
    (debian / "grubenv").write_bytes(GRUBENV.encode().ljust(1024, b"#"))
    file = place.work / "esp.fat"
    make_fat(file, "VMSD-ESP", ESP_MIB, content)
    return file


def make_site(place: Place) -> Path:
    content = fresh(place.work / "site")
    shutil.copytree(FILES / "site", content, dirs_exist_ok=True)
    example = EXAMPLE.read_text("utf-8").replace("\n", "\r\n")
    (content / EXAMPLE.name).write_bytes(example.encode())
    file = place.work / "site.fat"
    make_fat(file, "VMSD-SITE", SITE_MIB, content)
    return file


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def make_image(place: Place) -> None:
    """The second system, state and data are made on the box's own disk when it starts for the first time."""
    parts = [
        ("VMSD-SITE", BASIC_DATA, SITE_MIB, make_site(place)),
        ("VMSD-ESP", ESP, ESP_MIB, make_esp(place)),
        ("vmsd-root-a", ROOT, ROOT_MIB, place.root),
    ]
    lines, at_mib = [f"label: gpt\nlabel-id: {IDS}0\n"], 1
    place.image.unlink(missing_ok=True)
    with place.image.open("wb") as image:
        image.truncate((2 + sum(size for _, _, size, _ in parts)) * MIB)
    starts = []
    for number, (name, kind, size_mib, file) in enumerate(parts, 1):
        start = at_mib * MIB // SECTOR
        lines.append(f"start={start}, size={size_mib * MIB // SECTOR}, type={kind}, uuid={IDS}{number}, name={name}\n")
        starts.append((at_mib, file))
        at_mib += size_mib
    table = place.work / "table.sfdisk"
    table.write_text("".join(lines), "ascii")
    run(["sh", "-c", 'exec sfdisk --quiet "$1" <"$2"', "sfdisk", place.image, table])
    for start_mib, file in starts:
        run(
            [
                "dd",
                f"if={file}",
                f"of={place.image}",
                "bs=1M",
                f"seek={start_mib}",
                "conv=notrunc,sparse",
                "status=none",
            ]
        )
