"""Fragmented MP4, written box by box: the header of a file and its moof+mdat parts."""

import struct
from collections.abc import Sequence

from tracks import AAC, G711, H264, H265, Sample, Track

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_LANGUAGE_UND = 0x55C4
_VIDEO_BITRATE, _AUDIO_BITRATE = 1_000_000, 128_825
_NON_SYNC = 0x10000
_HAS_OFFSET, _HAS_DURATION, _HAS_SIZE, _HAS_FLAGS, _HAS_COMPOSITION = 0x1, 0x100, 0x200, 0x400, 0x800
MVHD_DURATION_AT = 32 + 8 + 8 + 16  # ftyp, the header of moov, the header of mvhd, the fields before it

PartTrack = tuple[int, int, Sequence[Sample]]  # id, time of the first sample, samples


def box(kind: bytes, *contents: bytes) -> bytes:
    size = 8 + sum(map(len, contents))
    return b"".join((struct.pack(">I4s", size, kind), *contents))


def full_box(kind: bytes, version: int, flags: int, *contents: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def write_header(tracks: Sequence[tuple[int, Track]], user_data: bytes = b"") -> bytes:
    """Ftyp and moov of the given tracks by id; `user_data` is the content of udta."""
    ftyp = box(b"ftyp", b"mp42", struct.pack(">I", 1), b"mp41", b"mp42", b"isom", b"hlsf")
    mvhd = full_box(
        b"mvhd", 0, 0, struct.pack(">4IIH10x", 0, 0, 1000, 0, 0x10000, 0x100), _MATRIX, bytes(24), b"\xff" * 4
    )
    trex = [full_box(b"trex", 0, 0, struct.pack(">5I", number, 1, 0, 0, 0)) for number, _ in tracks]
    parts = [mvhd, *(_trak(number, track) for number, track in tracks), box(b"mvex", *trex)]
    if user_data:
        parts.append(box(b"udta", user_data))
    return ftyp + box(b"moov", *parts)


def write_mtxi(stream_id: bytes, number: int, dts_ns: int, ntp_ns: int) -> bytes:
    return full_box(b"mtxi", 0, 0, stream_id, struct.pack(">Qqq", number, dts_ns, ntp_ns))


def write_part(number: int, tracks: Sequence[PartTrack]) -> bytes:
    """One moof with its mdat; the payloads lie track after track."""
    offset = 8 + sum(_traf_size(samples) for _, _, samples in tracks) + 16 + 8
    trafs, payloads = [], []
    for track_id, base, samples in tracks:
        trafs.append(_traf(track_id, base, samples, offset))
        payloads += [sample.payload for sample in samples]
        offset += sum(len(sample.payload) for sample in samples)
    moof = box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", number)), *trafs)
    return b"".join((moof, box(b"mdat", *payloads)))


def _run_flags(samples: Sequence[Sample]) -> int:
    flags = _HAS_OFFSET | _HAS_DURATION | _HAS_SIZE
    if any(not sample.key for sample in samples):
        flags |= _HAS_FLAGS
    if any(sample.offset for sample in samples):
        flags |= _HAS_COMPOSITION
    return flags


def _traf_size(samples: Sequence[Sample]) -> int:
    fields = 2 + bool(_run_flags(samples) & _HAS_FLAGS) + bool(_run_flags(samples) & _HAS_COMPOSITION)
    return 8 + 16 + 20 + 20 + 4 * fields * len(samples)


def _traf(track_id: int, base: int, samples: Sequence[Sample], offset: int) -> bytes:
    flags = _run_flags(samples)
    rows = []
    for sample in samples:
        rows.append(struct.pack(">2I", sample.duration, len(sample.payload)))
        if flags & _HAS_FLAGS:
            rows.append(struct.pack(">I", 0 if sample.key else _NON_SYNC))
        if flags & _HAS_COMPOSITION:
            rows.append(struct.pack(">i", sample.offset))
    return box(
        b"traf",
        full_box(b"tfhd", 0, 0x20000, struct.pack(">I", track_id)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", base)),
        full_box(b"trun", 1, flags, struct.pack(">2I", len(samples), offset), *rows),
    )


def _trak(number: int, track: Track) -> bytes:
    picture = track.picture() if track.is_video else None
    width, height = (picture.width, picture.height) if picture else (0, 0)
    volume = (0, 0) if track.is_video else (1, 0x100)
    tkhd = full_box(
        b"tkhd",
        0,
        3,
        struct.pack(">5I8x2HHH", 0, 0, number, 0, 0, 0, *volume, 0),
        _MATRIX,
        struct.pack(">2I", width << 16, height << 16),
    )
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, track.clock, 0, _LANGUAGE_UND, 0))
    kind, name = (b"vide", b"VideoHandler\0") if track.is_video else (b"soun", b"SoundHandler\0")
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)
    media = full_box(b"vmhd", 0, 1, bytes(8)) if track.is_video else full_box(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    entry = _video_entry(track, width, height) if track.is_video else _audio_entry(number, track)
    empty = [full_box(kind, 0, 0, bytes(size)) for kind, size in _EMPTY_TABLES]
    stbl = box(b"stbl", full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry), *empty)
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", media, dinf, stbl)))


_EMPTY_TABLES = ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))


def _btrt(bitrate: int) -> bytes:
    return box(b"btrt", struct.pack(">3I", 0, bitrate, bitrate))


def _video_entry(track: Track, width: int, height: int) -> bytes:
    head = struct.pack(">6xH16x2H2I4xH32xHh", 1, width, height, 0x480000, 0x480000, 1, 24, -1)
    config = _avcc(track) if track.codec == H264 else _hvcc(track)
    return box({H264: b"avc1", H265: b"hvc1"}[track.codec], head, config, _btrt(_VIDEO_BITRATE))


def _avcc(track: Track) -> bytes:
    return box(
        b"avcC",
        bytes((1, *track.sps[1:4], 0xFF, 0xE1)),
        len(track.sps).to_bytes(2, "big") + track.sps,
        b"\x01" + len(track.pps).to_bytes(2, "big") + track.pps,
    )


def hevc_profile(sps: bytes) -> bytes:
    """Return the twelve general bytes: profile, compatibility, constraints, level."""
    return sps.replace(b"\x00\x00\x03", b"\x00\x00")[3:15]


def _hvcc(track: Track) -> bytes:
    sets = (track.vps, track.sps, track.pps)
    arrays = [
        bytes((kind, 0, 1)) + len(unit).to_bytes(2, "big") + unit
        for kind, unit in zip((0x20, 0x21, 0x22), sets, strict=True)
    ]
    head = b"\x01" + hevc_profile(track.sps) + b"\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x13\x03"
    return box(b"hvcC", head, *arrays)


def _audio_entry(number: int, track: Track) -> bytes:
    head = struct.pack(">6xH8x2H4xI", 1, track.channels, 16, track.sample_rate << 16)
    if track.codec == G711:
        return box(b"ipcm", head, full_box(b"pcmC", 0, 0, b"\x00\x10"), _btrt(_AUDIO_BITRATE))
    if track.codec != AAC:
        raise ValueError(f"{track.codec} cannot be written")
    return box(b"mp4a", head, _esds(number, track.audio_config), _btrt(_AUDIO_BITRATE))


def _descriptor(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x80, 0x80, 0x80, len(content))) + content


def _esds(number: int, config: bytes) -> bytes:
    bitrates = struct.pack(">2I", _AUDIO_BITRATE, _AUDIO_BITRATE)
    decoder = _descriptor(4, b"\x40\x15\x00\x00\x00" + bitrates + _descriptor(5, config))
    return full_box(
        b"esds", 0, 0, _descriptor(3, number.to_bytes(2, "big") + b"\x00" + decoder + _descriptor(6, b"\x02"))
    )
