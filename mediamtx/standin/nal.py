"""NAL units of H.264 and H.265: splitting, classes, and what a sequence parameter set says."""

from dataclasses import dataclass

H264_IDR, H264_SPS, H264_PPS, H264_AUD = 5, 7, 8, 9
H265_KEYS = frozenset({19, 20, 21})  # IDR_W_RADL, IDR_N_LP, CRA
H265_VPS, H265_SPS, H265_PPS, H265_AUD = 32, 33, 34, 35
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True)
class Picture:
    """Size in pixels after cropping, and the raw profile and level numbers."""

    width: int
    height: int
    profile: int
    level: int


def split_annexb(data: bytes) -> list[bytes]:
    return [piece for raw in data.split(b"\x00\x00\x01")[1:] if (piece := raw.rstrip(b"\x00"))]


def split_lengths(data: bytes) -> list[bytes]:
    """NAL units of a sample with four-byte lengths; a torn tail is left out."""
    units, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if not size or at + 4 + size > len(data):
            break
        units.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return units


def join_lengths(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def split_extradata(data: bytes, *, hevc: bool) -> list[bytes]:
    """Parameter sets of an Annex B text, an avcC or an hvcC record."""
    if data[:3] in (b"\x00\x00\x01", b"\x00\x00\x00"):
        return split_annexb(data)
    return _hvcc_sets(data) if hevc else _avcc_sets(data)


def _avcc_sets(data: bytes) -> list[bytes]:
    units, at = [], 5
    for mask in (0x1F, 0xFF):
        if at >= len(data):
            break
        count, at = data[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            units.append(data[at + 2 : at + 2 + size])
            at += 2 + size
    return [unit for unit in units if unit]


def _hvcc_sets(data: bytes) -> list[bytes]:
    units, at = [], 23
    for _ in range(data[22] if len(data) > 22 else 0):  # noqa: PLR2004  the record's own offsets
        count = int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2], "big")
            units.append(data[at + 2 : at + 2 + size])
            at += 2 + size
    return units


class _Bits:
    def __init__(self, unit: bytes) -> None:
        clean = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(clean, "big")
        self._left = len(clean) * 8

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("parameter set is too short")
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def read_h264_sps(unit: bytes) -> Picture:
    bits = _Bits(unit[1:])
    profile, _, level = bits.read(8), bits.read(8), bits.read(8)
    bits.ue()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = _h264_chroma(bits)
    bits.ue()
    _h264_order(bits)
    bits.ue()
    bits.read(1)
    width, map_units = (bits.ue() + 1) * 16, bits.ue() + 1
    frames_only = bits.read(1)
    if not frames_only:
        bits.read(1)
    bits.read(1)
    left, right, top, bottom = [bits.ue() for _ in range(4)] if bits.read(1) else (0, 0, 0, 0)
    step_x = 2 if chroma in (1, 2) else 1
    step_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    height = map_units * 16 * (2 - frames_only)
    return Picture(width - (left + right) * step_x, height - (top + bottom) * step_y, profile, level)


def _h264_chroma(bits: _Bits) -> int:
    chroma = bits.ue()
    if chroma == 3:  # noqa: PLR2004  4:4:4
        bits.read(1)
    bits.ue()
    bits.ue()
    bits.read(1)
    if bits.read(1):
        for index in range(12 if chroma == 3 else 8):  # noqa: PLR2004
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)  # noqa: PLR2004
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _h264_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()


def read_h265_sps(unit: bytes) -> Picture:
    bits = _Bits(unit[2:])
    bits.read(4)
    layers = bits.read(3)
    bits.read(1)
    bits.read(3)
    profile = bits.read(5)
    bits.read(32 + 48)
    level = bits.read(8)
    _skip_sublayers(bits, layers)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3:  # noqa: PLR2004  4:4:4
        bits.read(1)
    width, height = bits.ue(), bits.ue()
    left, right, top, bottom = [bits.ue() for _ in range(4)] if bits.read(1) else (0, 0, 0, 0)
    step_x, step_y = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1)
    return Picture(width - (left + right) * step_x, height - (top + bottom) * step_y, profile, level)


def _skip_sublayers(bits: _Bits, layers: int) -> None:
    flags = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for has_profile, has_level in flags:
        bits.read(88 * has_profile + 8 * has_level)
