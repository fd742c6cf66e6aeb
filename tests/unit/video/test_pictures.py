"""Pictures from strangers: whole ones come out clean, everything else is refused."""

from __future__ import annotations

import struct
import time
import zlib

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.plates import jpeg, png
from vmsd.errors import BadMedia
from vmsd.video.pictures import clean_picture


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_picture_comes_out_as_it_was_without_what_is_no_picture():
    comment = b"\xff\xfe\x00\x0a<script>"
    exif = b"\xff\xe1\x00\x0aExif\x00\x00GP"
    crop = clean_picture(jpeg()[:2] + comment + exif + jpeg()[2:] + b"PK\x03\x04 an archive behind it")
    assert crop.kind == "jpg"
    for word in (b"script", b"Exif", b"archive"):
        assert word not in crop.content
    assert clean_picture(crop.content) == crop
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = decoder.decode(av.Packet(crop.content))  # type: ignore[attr-defined]
    assert (frame.width, frame.height) == (160, 48)
    told = clean_picture(png(extra=chunk(b"tEXt", b"Comment\x00<script>")))
    assert told.kind == "png"
    assert told.content == png()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", b"GIF89a", jpeg()[:-2], jpeg()[:60], png()[:-12], png(40_000, 40_000), png(0, 4)],
    ids=["empty", "begun", "gif", "no end", "no picture", "no end of a png", "huge", "no width"],
)
def test_what_is_no_whole_picture_of_a_size_is_refused(content: bytes):
    with pytest.raises(BadMedia):
        clean_picture(content)


def test_a_size_is_not_believed_that_would_fill_the_memory():
    at = jpeg().index(b"\xff\xc0")
    with pytest.raises(BadMedia):
        clean_picture(jpeg()[: at + 5] + b"\xff\xff\xff\xff" + jpeg()[at + 9 :])


@given(st.sampled_from([jpeg(), png()]), st.integers(0, 400), st.binary(max_size=12))
def test_garbage_is_refused_or_becomes_a_picture(whole: bytes, place: int, garbage: bytes):
    place %= len(whole)
    try:
        crop = clean_picture(whole[:place] + garbage + whole[place + len(garbage) :])
    except BadMedia:
        return
    assert clean_picture(crop.content) == crop


@pytest.mark.timeout(20)
def test_a_picture_full_of_filling_is_looked_through_in_no_time():
    whole = jpeg()
    scan = whole.rindex(b"\xff\xda")
    start = scan + 2 + int.from_bytes(whole[scan + 2 : scan + 4], "big")
    filled = whole[:start] + b"\xff" * 1_000_000 + b"\x00" + whole[start:]
    began_s = time.process_time()
    assert clean_picture(filled).kind == "jpg"
    assert time.process_time() - began_s < 2
