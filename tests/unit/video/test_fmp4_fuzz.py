"""Whatever the bytes are, the reader answers or says BadMedia, soon and in little memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.video import mp4_fixture as mp4
from vmsd.errors import BadMedia
from vmsd.video import fmp4

_WHOLE = mp4.recording(sound=True)
_SETTINGS = settings(max_examples=250, deadline=1000, suppress_health_check=[HealthCheck.too_slow])


def _read_everything(data: bytes) -> None:
    file = BytesIO(data)
    try:
        header = fmp4.read_header(file)
    except BadMedia:
        return
    extent = fmp4.measure(file, header)
    found = fmp4.scan(file, header)
    assert found.valid_bytes <= max(len(data), header.header_bytes)
    assert extent.valid_bytes <= max(len(data), header.header_bytes)
    for part in found.fragments:
        for sample in part.keyframes[:3]:
            assert len(fmp4.read_keyframe(file, header, sample).data) == sample.size


@given(st.binary(max_size=4096))
@_SETTINGS
def test_random_bytes_are_survived(data: bytes):
    _read_everything(data)
    _read_everything(_WHOLE.head + data)


@given(st.integers(0, len(_WHOLE.data)))
@_SETTINGS
def test_truncations_are_survived(length: int):
    _read_everything(_WHOLE.data[:length])


@given(st.lists(st.tuples(st.integers(0, len(_WHOLE.head) + 900), st.integers(0, 255)), min_size=1, max_size=12))
@_SETTINGS
def test_flipped_bytes_are_survived(flips: list[tuple[int, int]]):
    data = bytearray(_WHOLE.data)
    for place, value in flips:
        data[place] = value
    _read_everything(bytes(data))


@given(
    st.integers(0, len(_WHOLE.head) + 900),
    st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF]),
)
@_SETTINGS
def test_absurd_numbers_anywhere_are_survived(place: int, value: int):
    data = bytearray(_WHOLE.data)
    data[place : place + 4] = struct.pack(">I", value)
    _read_everything(bytes(data))


def _bomb(size: int, flags: int) -> bytes:
    """Parts that each claim as many samples as a part may, of hardly a byte in the file."""
    traf = mp4.box(
        b"traf",
        mp4.full(b"tfhd", 0, 0x020000 | 0x38, mp4.u32(1, 1, size, flags)),
        mp4.full(b"tfdt", 1, 0, bytes(8)),
        mp4.full(b"trun", 0, 0x1, mp4.u32(65_536, 0)),
    )
    return (mp4.box(b"moof", traf) + mp4.box(b"mdat", bytes(64))) * 10_000


def _dense() -> bytes:
    """Samples of one byte each, as many per part as a part may have."""
    part = _bomb(1, 0x10000)
    moof = part[: part.index(b"mdat") - 4]
    return (moof + mp4.box(b"mdat", bytes(65_536))) * 4


def _many_parts() -> bytes:
    key = mp4.Sample(bytes(8), 9000, is_sync=True)
    return mp4.fragment(0, {1: 0}, {1: [key]}) * 8_000


def _deep() -> bytes:
    inner = b""
    for _ in range(50_000):
        inner = struct.pack(">I4s", len(inner) + 8, b"moof") + inner if len(inner) < 400_000 else inner
    return inner


def test_files_made_to_exhaust_are_read_in_little_memory_and_time():
    for tail in (_bomb(8, 0), _bomb(0, 0x10000), _dense(), _many_parts(), _deep()):
        data = _WHOLE.head + tail
        file = BytesIO(data)
        header = fmp4.read_header(file)
        tracemalloc.start()
        fmp4.scan(file, header)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        begun = time.process_time()
        fmp4.scan(file, header)
        assert time.process_time() - begun < 1
        assert peak < 50 << 20
