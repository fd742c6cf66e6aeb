"""Ways to tamper with a package; each says what it has touched, so that a test can ask whether that was named."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.verifier.package_box import OTHER, Made, encoded, head_of, signature_of, zip_of
from vmsd.model.audit import fingerprint

ZIP = "(ZIP)"
"""What a damage is named by when it is in no file."""
MANIFEST, SIGNATURE = "manifest.json", "signature.json"


@dataclass(frozen=True)
class Tampered:
    """`touched` are the names of which one must be told; `codes`, when given, one of these must be."""

    data: bytes
    touched: frozenset[str]
    codes: frozenset[str] = frozenset()
    fingerprint: str | None = None


Tampering = Callable[[random.Random, Made], Tampered]


def _tampered(data: bytes, *touched: str, codes: str = "", fingerprint: str | None = None) -> Tampered:
    return Tampered(data, frozenset(touched), frozenset(codes.split()), fingerprint)


def flip_any_bit(draw: random.Random, made: Made) -> Tampered:
    """Anywhere in the ZIP, in what is content and in what is not."""
    data = bytearray(made.zipped())
    at = draw.randrange(len(data))
    data[at] ^= 1 << draw.randrange(8)
    return _tampered(bytes(data), *_owners(made, at))


def _owners(made: Made, at: int) -> set[str]:
    """Whose byte it is; a header's belongs to its file and to the ZIP."""
    with zipfile.ZipFile(io.BytesIO(made.zipped())) as archive:
        for info in archive.infolist():
            begins = info.header_offset + 30 + len(info.filename)
            if begins <= at < begins + info.file_size:
                return {info.filename}
            if at < begins:
                return {info.filename, ZIP}
    return {ZIP, *made.entries()}


def change_content(draw: random.Random, made: Made) -> Tampered:
    """With a ZIP made anew, so that its sums fit."""
    entries = made.entries()
    name = draw.choice([name for name, data in entries.items() if data])
    changed = bytearray(entries[name])
    for _ in range(draw.randint(1, 3)):
        changed[draw.randrange(len(changed))] ^= draw.randint(1, 255)
    if bytes(changed) == entries[name]:
        changed += b"\0"
    return _tampered(zip_of(entries | {name: bytes(changed)}), name)


def resize_content(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    name = draw.choice(list(entries))
    longer = draw.random() < 0.5 or not entries[name]
    data = entries[name] + draw.randbytes(draw.randint(1, 9)) if longer else entries[name][: -draw.randint(1, 9)]
    return _tampered(zip_of(entries | {name: data}), name)


def remove_file(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    name = draw.choice(list(entries))
    del entries[name]
    return _tampered(zip_of(entries), name, codes="file_missing signature_missing")


def add_file(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    original = draw.choice(list(entries))
    name = draw.choice(
        (
            "a.txt",
            "../a",
            "/etc/a",
            "C:\\a",
            "video/",
            original.upper(),
            f"{original} ",
            "con.txt",
            "a/../b",
            "\x1b[2J",
            "ação",
        )
    )
    if name in entries:
        name = "b.txt"
    place = draw.randint(0, len(entries))
    listed = list(entries.items())
    listed.insert(place, (name, b"" if name.endswith("/") else b"x"))
    data = zip_of(dict(listed))
    said = name.encode("utf-8").decode("latin-1")
    return _tampered(data, said, codes="file_added")


def double_file(draw: random.Random, made: Made) -> Tampered:
    """The same name twice, with the same content or with another; programs differ in which they take."""
    entries = list(made.entries().items())
    name, data = draw.choice(entries)
    entries.insert(draw.randint(0, len(entries)), (name, draw.choice((data, b"other"))))
    return _tampered(written(entries), name, codes="file_twice")


def rename_file(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    name = draw.choice(list(entries))
    renamed = {(f"{key}2" if key == name else key): data for key, data in entries.items()}
    return _tampered(zip_of(renamed), name, codes="file_missing signature_missing")


def swap_files(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    first = draw.choice(list(entries))
    second = draw.choice([name for name in entries if entries[name] != entries[first]])
    swapped = entries | {first: entries[second], second: entries[first]}
    return _tampered(zip_of(swapped), first, second)


def truncate(draw: random.Random, made: Made) -> Tampered:
    data = made.zipped()
    return _tampered(data[: draw.randrange(len(data))], ZIP, "package.zip", *made.entries())


def extend(draw: random.Random, made: Made) -> Tampered:
    more = draw.randbytes(draw.randint(1, 40))
    data = made.zipped()
    return _tampered(draw.choice((data + more, more + data, data + data)), ZIP)


def insert_bytes(draw: random.Random, made: Made) -> Tampered:
    """Something hidden between, before or behind the files."""
    data = made.zipped()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = draw.choice([info.header_offset for info in archive.infolist()] + [archive.start_dir, len(data) - 22])
    return _tampered(data[:at] + draw.randbytes(draw.randint(1, 50)) + data[at:], ZIP, *made.entries())


def pack_anew(draw: random.Random, made: Made) -> Tampered:
    """By another program: the files are the same, and the ZIP is not what the box wrote."""
    file = io.BytesIO()
    kind = draw.randrange(7)
    with zipfile.ZipFile(file, "w") as archive:
        if kind == 0:
            archive.comment = b"hello"
        for number, (name, data) in enumerate(made.entries().items()):
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6) if kind == 1 and number == 0 else (1980, 1, 1, 0, 0, 0))
            info.external_attr = (0o100755 if kind == 2 and number == 1 else 0o100644) << 16
            info.comment = b"x" if kind == 3 and number == 2 else b""
            info.extra = struct.pack("<2HL", 0xCAFE, 4, 7) if kind == 4 and number == 0 else b""
            info.create_system = 0 if kind == 5 and number == 0 else 3
            info.compress_type = zipfile.ZIP_DEFLATED if kind == 6 else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return _tampered(file.getvalue(), ZIP, *made.entries(), codes="zip_damaged")


def reorder(draw: random.Random, made: Made) -> Tampered:
    entries = list(made.entries().items())
    first, second = draw.sample(range(len(entries)), 2)
    entries[first], entries[second] = entries[second], entries[first]
    return _tampered(written(entries), *made.entries(), codes="zip_damaged")


def lie_in_header(draw: random.Random, made: Made) -> Tampered:
    """One of the two headers of a file says something else: what is shown is not what is checked."""
    data = bytearray(made.zipped())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = draw.choice(archive.infolist())
        central = data.index(b"PK\1\2", archive.start_dir)
        while data[central + 46 : central + 46 + len(info.filename)] != info.filename.encode():
            central = data.index(b"PK\1\2", central + 4)
    begins = draw.choice((info.header_offset, central + 2))
    field, size = draw.choice(((6, 2), (8, 2), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)))
    was = bytes(data[begins + field : begins + field + size])
    now = draw.choice((b"\1\0\0\0"[:size], b"\xff" * size, draw.randbytes(size)))
    data[begins + field : begins + field + size] = now if now != was else bytes([was[0] ^ 1]) + was[1:]
    return _tampered(bytes(data), info.filename, ZIP)


def edit_json(draw: random.Random, made: Made) -> Tampered:
    """A word or a number of a JSON file, which is then written as the box would."""
    made = made.copied()
    name = draw.choice((MANIFEST, "custody.json", "audit-extract.json"))
    if name == MANIFEST:
        _change_leaf(draw, made.manifest)
    else:
        value = json.loads(made.files[name])
        _change_leaf(draw, value)
        made.files[name] = encoded(value)
    return _tampered(made.zipped(), name)


def edit_and_list(draw: random.Random, made: Made) -> Tampered:
    """A file is changed and the manifest with it; nobody has signed that."""
    made = made.copied()
    signature = made.signature
    name = draw.choice(list(made.files))
    made.files[name] += b" "
    made.signed()
    made.signature = signature
    return _tampered(made.zipped(), MANIFEST, codes="manifest_changed")


def edit_signature(draw: random.Random, made: Made) -> Tampered:
    entries = made.entries()
    signature = dict(made.signature)
    field = draw.choice(list(signature))
    at = draw.randrange(len(signature[field]))
    letter = draw.choice([one for one in "0123456789abcdefA" if one != signature[field][at]])
    changed = signature | {field: signature[field][:at] + letter + signature[field][at + 1 :]}
    other = json.dumps(signature, indent=2).encode()
    twice = entries[SIGNATURE].replace(b'"algorithm"', b'"signed": "x",\n "algorithm"', 1)
    data = draw.choice(
        (encoded(changed), other, encoded(signature | {"note": "x"}), twice, b"[" * 90_000, b"{}", b"\xff", b"")
    )
    return _tampered(zip_of(entries | {SIGNATURE: data}), SIGNATURE, MANIFEST)


def borrow_signature(draw: random.Random, made: Made) -> Tampered:
    made = made.copied()
    made.signature = signature_of(made.key, draw.randbytes(9)) | {"signed": MANIFEST}
    return _tampered(made.zipped(), MANIFEST, codes="manifest_changed")


def sign_as_somebody(draw: random.Random, made: Made) -> Tampered:
    """Another key signs; the manifest still names the box."""
    made = made.copied()
    name = draw.choice([name for name, data in made.files.items() if data])
    made.files[name] = made.files[name][:-1]
    return _tampered(made.signed(OTHER).zipped(), MANIFEST, codes="key_changed")


def forge_all_but_the_head(draw: random.Random, made: Made) -> Tampered:
    """Another key in the place of the box's everywhere, but the box's own signed audit head."""
    return _tampered(_forged(made, head=False).zipped(), "audit-extract.json", codes="head_forged")


def forge_all(draw: random.Random, made: Made) -> Tampered:
    """A whole package of another key: only the published fingerprint tells."""
    key = fingerprint(made.key.public_key().public_bytes_raw())
    return _tampered(_forged(made, head=True).zipped(), SIGNATURE, codes="fingerprint_unexpected", fingerprint=key)


def _forged(made: Made, *, head: bool) -> Made:
    made = made.copied()
    public = OTHER.public_key().public_bytes_raw()
    made.manifest["box"] |= {"public_key": public.hex(), "fingerprint": fingerprint(public)}
    if head:
        audit = json.loads(made.files["audit-extract.json"])
        audit["head"] = head_of(OTHER, bytes.fromhex(audit["head"]["hash"]), audit["head"]["clock_trusted"])
        made.files["audit-extract.json"] = encoded(audit)
    return made.signed(OTHER)


def contradict(draw: random.Random, made: Made) -> Tampered:
    """What no box would sign: the parts say different things of the same."""
    made = made.copied()
    custody, audit = (json.loads(made.files[name]) for name in ("custody.json", "audit-extract.json"))
    kind = draw.randrange(9)
    name, codes = "custody.json", "custody_mismatch"
    if kind == 0:
        custody["package_id"] = "another"
    elif kind == 1:
        custody["procedure"]["number"] += "0"
    elif kind == 2:
        custody["events"][0]["step"] = "nada"
    elif kind in {3, 4, 5}:
        name, codes = "audit-extract.json", "head_forged"
        _contradict_head(draw, audit["head"])
    elif kind == 6:
        name, codes = "audit-extract.json", "audit_mismatch"
        row = {"id": "0" * 64, "at": "2026-09-21T14:13:20.004Z", "action": "x"}
        audit["rows"] += [row, row]
    else:
        name, codes = _contradict_manifest(draw, made.manifest)
    made.files |= {"custody.json": encoded(custody), "audit-extract.json": encoded(audit)}
    return _tampered(made.signed().zipped(), name, codes=codes)


def _contradict_head(draw: random.Random, head: dict[str, Any]) -> None:
    change = draw.choice(("hash", "at", "clock_trusted", "statement", "signature"))
    if change == "clock_trusted":
        head[change] = not head[change]
    elif change == "statement":
        head[change] = head[change].replace("row 77", "row 78")
    elif change == "at":
        head[change] = head[change].replace("20Z", "21Z").replace("005Z", "006Z")
    else:
        head[change] = head[change][::-1]


def _contradict_manifest(draw: random.Random, manifest: dict[str, Any]) -> tuple[str, str]:
    segments = [segment for camera in manifest["cameras"] for segment in camera["segments"]]
    if not segments:
        manifest["cameras"][0]["viewing_copy"] = "LEIA-ME.txt"
    else:
        segment = draw.choice(segments)
        _contradict_segment(draw, segment)
    return MANIFEST, "manifest_mismatch manifest_unreadable"


def _contradict_segment(draw: random.Random, segment: dict[str, Any]) -> None:
    change = draw.choice(("path", "sha256", "bytes", "end", "type"))
    if change == "path":
        segment["path"] = "LEIA-ME.txt"
    elif change == "end":
        segment["end"] = "2020-01-01T00:00:00Z"
    elif change == "type":
        segment[draw.choice(("path", "bytes", "start", "damaged"))] = draw.choice(([], {}, None, "x"))
    else:
        segment |= {"altered": False, "sha256": "0" * 64, "bytes": 10**6}


def trap_json(draw: random.Random, made: Made) -> Tampered:
    """JSON made to be read in two ways, or never to its end."""
    trap = draw.choice(
        (
            b'{"format":"vmsd-evidence/1","format":"vmsd-evidence/1"}',
            b"[" * 200_000,
            b'{"a":' * 50_000,
            b"1" * 100_000,
            b'{"files":' + b"9" * 5_000 + b"}",
            b'{"format":1e999}',
            b'{"format":NaN}',
            b'{"format":"\\ud800"}',
            b"\xff\xfe{}",
            b"\xef\xbb\xbf{}",
            b"",
            b"null",
            b'{"files":[null],"cameras":{"a":1}}',
        )
    )
    name = draw.choice((MANIFEST, "custody.json", "audit-extract.json"))
    if name == MANIFEST:
        entries = made.entries() | {MANIFEST: trap}
        entries[SIGNATURE] = encoded(signature_of(made.key, trap) | {"signed": MANIFEST})
        return _tampered(zip_of(entries), name, codes="manifest_unreadable")
    made = made.copied()
    made.files[name] = trap
    return _tampered(made.signed().zipped(), name, codes="custody_mismatch audit_mismatch")


def _change_leaf(draw: random.Random, value: Any) -> None:
    """One value somewhere inside becomes another."""
    places: list[tuple[Any, Any]] = []
    _leaves(value, places)
    holder, key = draw.choice(places)
    was = holder[key]
    if isinstance(was, bool) or was is None:
        holder[key] = not was
    elif isinstance(was, str):
        holder[key] = f"{was}x"
    else:
        holder[key] = was + 1


def _leaves(value: Any, places: list[tuple[Any, Any]]) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if isinstance(inner, Mapping | list):
            _leaves(inner, places)
        else:
            places.append((value, key))


def written(entries: list[tuple[str, bytes]]) -> bytes:
    """A ZIP of the right form, whatever its names."""
    parts, central, at = [], [], 0
    for name, data in entries:
        raw = name.encode()
        sums = struct.pack("<3L2H", zlib.crc32(data), len(data), len(data), len(raw), 0)
        local = b"PK\3\4" + struct.pack("<5H", 20, 0, 0, 0, 0x21) + sums + raw + data
        head = b"PK\1\2" + struct.pack("<6H", 0x314, 20, 0, 0, 0, 0x21) + sums
        central.append(head + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, at) + raw)
        parts.append(local)
        at += len(local)
    directory = b"".join(central)
    end = struct.pack("<4H2LH", 0, 0, len(entries), len(entries), len(directory), at, 0)
    return b"".join(parts) + directory + b"PK\5\6" + end


TAMPERINGS: tuple[tuple[Tampering, int], ...] = (
    (flip_any_bit, 30),
    (change_content, 8),
    (resize_content, 4),
    (remove_file, 4),
    (add_file, 5),
    (double_file, 4),
    (rename_file, 3),
    (swap_files, 4),
    (truncate, 4),
    (extend, 3),
    (insert_bytes, 3),
    (pack_anew, 4),
    (reorder, 3),
    (lie_in_header, 5),
    (edit_json, 6),
    (edit_and_list, 2),
    (edit_signature, 5),
    (borrow_signature, 1),
    (sign_as_somebody, 2),
    (forge_all_but_the_head, 2),
    (forge_all, 2),
    (contradict, 5),
    (trap_json, 3),
)
