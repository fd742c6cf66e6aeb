"""What a picture is, is read from its own bytes."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from vmsd.errors import BadMedia
from vmsd.video.picture_size import Picture, look_at

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480)


def made(folder: Path, name: str, *options: str) -> bytes:
    """By a program that is not ours."""
    file = folder / name
    command = ("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:size=322x244", "-frames:v", "1", *options, file)
    subprocess.run(command, check=True, timeout=30)
    return file.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("a.png", (), "image/png"),
        ("a.jpg", (), "image/jpeg"),
        ("lossy.webp", (), "image/webp"),
        ("lossless.webp", ("-lossless", "1", "-pix_fmt", "bgra"), "image/webp"),
    ],
)
def test_what_others_make_is_known_with_its_size(
    tmp_path: Path, name: str, options: tuple[str, ...], kind: str
) -> None:
    data = made(tmp_path, name, *options)
    assert look_at(data) == Picture(kind, 322, 244)
    for length in (0, 1, 12, 20):
        with pytest.raises(BadMedia):
            look_at(data[:length])


def test_a_webp_with_more_than_a_picture_inside_says_its_size_in_three_bytes() -> None:
    size = (1199).to_bytes(3, "little") + (799).to_bytes(3, "little")
    assert look_at(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + size) == Picture("image/webp", 1200, 800)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + bytes(40),
        b"\xff\xd8\xff" + bytes(40),
        b"\xff\xd8" + b"\xff\xe0\0\0" * 500,
        b"RIFF\0\0\0\0WEBPVP8 " + bytes(40),
        PNG[:16] + struct.pack(">II", 0, 480),
        PNG[:16] + struct.pack(">II", 40_000, 40),
        PNG[:16] + struct.pack(">II", 16_000, 16_000),
    ],
)
def test_what_is_no_picture_or_too_large_when_decoded_is_refused(data: bytes) -> None:
    with pytest.raises(BadMedia):
        look_at(data)
