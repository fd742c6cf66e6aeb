"""Verifica um pacote de evidência, uma certidão de continuidade ou um laudo de aceite, sem rede e sem instalar nada.

Checks an evidence package, a continuity certificate or an acceptance report, offline, with Python 3.8 or newer alone.

    python3 verificar.py PACOTE.zip | PASTA | certidao.json [--fingerprint HEX] [--lang pt|en] [--json]

0: nothing is wrong; 1: something is, and is named; 2: the command was not understood.

The ZIP has one form alone, so that no byte of it can change unseen. It follows from the names, sizes, CRCs and bytes
of its files: `local_header` and the file's bytes for each, then `central_directory`, and nothing else anywhere.
Stored, never compressed or encrypted; dated 1980-01-01; no comments, no data descriptors, no extra fields but ZIP64's,
which are there exactly where a number does not fit without. First manifest.json, then signature.json, then the files
in the order of the manifest. Names are those `safe_name` accepts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import stat
import struct
import sys
import typing
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Tuple  # noqa: UP035 - for 3.8

MANIFEST, SIGNATURE, CUSTODY, AUDIT = "manifest.json", "signature.json", "custody.json", "audit-extract.json"
CHUNK_BYTES = 1 << 20
JSON_BYTES = 64 << 20
JSON_DEPTH = 32
NUMBER_CHARS = 32
INTEGER_LIMIT = 1 << 53
"""What every program reads exactly."""
ENTRIES = 200_000
NAME_CHARS = 200
SHOWN = 20
"""So many of one kind are told in words; `--json` tells them all."""

# --- the one form of the ZIP ---

LOCAL, CENTRAL, END, END64, LOCATOR = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES, END64_BYTES, LOCATOR_BYTES = 30, 46, 22, 56, 20
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
STORED, FLAGS, TIME, DATE, MODE = 0, 0, 0, 0x0021, 0o100644 << 16
PLAIN, BIG, UNIX = 20, 45, 3 << 8
_PART = re.compile(
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$))[a-z0-9_-](?:[a-z0-9._-]*[a-z0-9_-])?", re.IGNORECASE
)
"""A name that any file system takes as it is; Windows keeps some for devices."""


def safe_name(name: str) -> bool:
    """Whether a file of a package may be called so."""
    return len(name) <= NAME_CHARS and name.isascii() and all(_PART.fullmatch(part) for part in name.split("/"))


def local_header(name: str, size: int, crc: int) -> bytes:
    """What stands before a file's bytes."""
    extra = _extra([size, size] if size >= FULL32 else [])
    short = min(size, FULL32)
    needs = BIG if extra else PLAIN
    words = (needs, FLAGS, STORED, TIME, DATE, crc, short, short, len(name), len(extra))
    return LOCAL + struct.pack("<5H3L2H", *words) + name.encode("latin-1") + extra


def central_directory(entries: Sequence[tuple[str, int, int]]) -> bytes:
    """What stands after the last file's bytes: (name, size, crc) of every file, in order, and the end."""
    offset, parts = 0, []
    for name, size, crc in entries:
        parts.append(_central_header(name, size, crc, offset))
        offset += len(local_header(name, size, crc)) + size
    directory = b"".join(parts)
    return directory + _end(len(parts), len(directory), offset)


def _central_header(name: str, size: int, crc: int, offset: int) -> bytes:
    extra = _extra(([size, size] if size >= FULL32 else []) + ([offset] if offset >= FULL32 else []))
    needs, short = BIG if extra else PLAIN, min(size, FULL32)
    words = (UNIX | needs, needs, FLAGS, STORED, TIME, DATE, crc, short, short, len(name), len(extra), 0, 0, 0)
    return CENTRAL + struct.pack("<6H3L5H2L", *words, MODE, min(offset, FULL32)) + name.encode("latin-1") + extra


def _extra(values: list[int]) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _end(count: int, directory_bytes: int, directory_at: int) -> bytes:
    last = END + struct.pack(
        "<4H2LH",
        0,
        0,
        min(count, FULL16),
        min(count, FULL16),
        min(directory_bytes, FULL32),
        min(directory_at, FULL32),
        0,
    )
    if count < FULL16 and directory_bytes < FULL32 and directory_at < FULL32:
        return last
    words = (END64_BYTES - 12, UNIX | BIG, BIG, 0, 0, count, count, directory_bytes, directory_at)
    big = END64 + struct.pack("<Q2H2L4Q", *words)
    return big + LOCATOR + struct.pack("<LQL", 0, directory_at + directory_bytes, 1) + last


# --- what is said ---

TEXTS = {
    "not_a_package": (
        "não é um pacote de evidência nem uma certidão",
        "is neither an evidence package nor a certificate",
    ),
    "file_missing": ("o arquivo está no manifesto e falta no pacote", "is in the manifest and not in the package"),
    "file_added": ("o arquivo está no pacote e não no manifesto", "is in the package and not in the manifest"),
    "file_changed": ("o conteúdo não é o que a caixa lacrou", "the content is not what the box sealed"),
    "file_twice": ("o nome aparece mais de uma vez no pacote", "the name is in the package more than once"),
    "file_unreadable": ("o arquivo não pôde ser lido", "could not be read"),
    "zip_damaged": ("o ZIP não está como a caixa o gravou", "the ZIP is not as the box wrote it"),
    "signature_missing": ("falta a assinatura", "the signature is missing"),
    "signature_changed": ("a assinatura não está escrita como a caixa a escreve", "not written as the box writes it"),
    "manifest_changed": (
        "a assinatura não confere: este arquivo ou a assinatura foi alterado",
        "the signature does not fit: this file or the signature was changed",
    ),
    "manifest_unreadable": ("não pode ser lido como um manifesto", "cannot be read as a manifest"),
    "manifest_mismatch": ("o manifesto se contradiz", "the manifest contradicts itself"),
    "key_changed": ("a chave não é a da caixa do manifesto", "the key is not that of the manifest's box"),
    "fingerprint_unexpected": (
        "a impressão digital da chave não é a informada",
        "the key's fingerprint is not the one given",
    ),
    "custody_mismatch": ("o registro de custódia não confere", "the custody record does not fit"),
    "audit_mismatch": ("o extrato da auditoria não confere", "the audit extract does not fit"),
    "head_forged": (
        "a cabeça da auditoria não foi assinada por esta caixa",
        "the audit head was not signed by this box",
    ),
    "certificate_changed": (
        "a assinatura não confere: a certidão ou a assinatura foi alterada",
        "the signature does not fit: the certificate or the signature was changed",
    ),
    "certificate_unreadable": ("não pode ser lido como uma certidão", "cannot be read as a certificate"),
    "segment_altered": (
        "a caixa avisa: o original mudou depois de fechado; não é o que foi gravado",
        "the box says: the original changed after it was closed; it is not what was recorded",
    ),
    "segment_damaged": (
        "a caixa avisa: o original tem partes perdidas (energia, disco)",
        "the box says: parts of the original are lost (power, disk)",
    ),
    "recording_unreadable": (
        "a caixa avisa: uma gravação do período não pôde ser lida e não está no pacote",
        "the box says: a recording of the period could not be read and is not in the package",
    ),
    "audit_unsigned": (
        "a caixa ainda não tinha assinado nenhuma cabeça da auditoria",
        "the box had not signed any audit head yet",
    ),
    "segment_hashed_late": (
        "o resumo foi tirado na exportação, não quando a gravação foi fechada",
        "the hash was taken at the export, not when the recording was closed",
    ),
    "clock_untrusted": ("gravado com o relógio não confiável", "recorded while the clock was not trusted"),
    "clock_corrected": (
        "gravado com o relógio errado; a hora foi corrigida depois",
        "recorded while the clock was wrong; the time was corrected afterwards",
    ),
    "system_file": (
        "arquivo do computador em que o pacote foi aberto; não faz parte dele",
        "a file of the computer the package was opened on; no part of it",
    ),
}
WHYS = {
    "": ("", ""),
    "header": ("cabeçalho do arquivo, byte {}", "the file's header, byte {}"),
    "directory": ("diretório do ZIP, byte {}", "the ZIP's directory, byte {}"),
    "ends": ("fim do ZIP, byte {}", "the ZIP's end, byte {}"),
    "broken": ("não se lê mais em ordem a partir do byte {}", "cannot be read in order from byte {} on"),
    "crc": ("o CRC gravado não é o do conteúdo", "the CRC written is not that of the content"),
    "compressed": (
        "comprimido ou cifrado: extraia e confira a pasta",
        "compressed or encrypted: extract, check the folder",
    ),
    "overlap": ("os arquivos se sobrepõem", "files overlap"),
    "name": ("nome perigoso ou impossível", "a dangerous or impossible name"),
    "order": ("fora da ordem do manifesto", "not in the manifest's order"),
    "irregular": ("não é um arquivo comum", "not a regular file"),
    "size": ("tamanho: {} bytes", "size: {} bytes"),
    "large": ("grande demais", "too large"),
    "json": ("não é JSON correto", "not correct JSON"),
    "duplicate": ("um campo aparece duas vezes", "a field is there twice"),
    "number": ("um número fora dos limites", "a number out of bounds"),
    "deep": ("aninhado demais", "nested too deeply"),
    "letters": ("letras impossíveis", "impossible letters"),
    "format": ("versão desconhecida do formato", "an unknown version of the format"),
    "field": ("um campo falta ou não é o que deve ser", "a field is missing or not what it must be"),
    "absent": ("não está no pacote", "not in the package"),
    "not_listed": ("não está na lista de arquivos", "not in the list of files"),
    "twice": ("está duas vezes na lista", "twice in the list"),
    "unclaimed": ("não pertence a uma só câmera", "does not belong to one camera"),
    "differs": ("o segmento e a lista de arquivos dizem coisas diferentes", "segment and list of files differ"),
    "times": ("começo e fim trocados", "it ends before it begins"),
    "package": ("é de outro pacote", "of another package"),
    "request": ("o número da requisição é outro", "another request number"),
    "step": ("etapa desconhecida", "an unknown step"),
    "row": ("uma linha aparece duas vezes", "a row is there twice"),
    "key": ("outra chave", "another key"),
    "statement": ("a declaração não diz o mesmo", "the statement says something else"),
    "signature": ("a assinatura não confere", "the signature does not fit"),
    "fingerprint": ("a impressão digital não é a da chave", "the fingerprint is not the key's"),
}
LANGUAGES = ("pt", "en")


class Finding(NamedTuple):
    """What is wrong: a code for programs, the file or the place, a word and perhaps a number that say more."""

    code: str
    path: str
    why: str = ""
    place: int | None = None

    def words(self, language: str) -> str:
        number = LANGUAGES.index(language)
        why = WHYS[self.why][number].format(self.place)
        return TEXTS[self.code][number] + (f" ({why})" if why else "")

    def answer(self) -> dict[str, Any]:
        return {**self._asdict(), "path": shown(self.path), "pt": self.words("pt"), "en": self.words("en")}


class Report:
    """What was found: `findings` mean that something is wrong, `notes` are what the box itself says of its files."""

    def __init__(self) -> None:
        self.kind = "unknown"
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self.facts: dict[str, Any] = {}

    @property
    def ok(self) -> bool:
        return not self.findings

    def say(self, code: str, path: str, why: str = "", place: int | None = None) -> None:
        self.findings.append(Finding(code, path, why, place))

    def note(self, code: str, path: str) -> None:
        self.notes.append(Finding(code, path))

    def answer(self) -> dict[str, Any]:
        findings, notes = ([one.answer() for one in some] for some in (self.findings, self.notes))
        return {"ok": self.ok, "kind": self.kind, "findings": findings, "notes": notes, "facts": self.facts}


def shown(value: object) -> str:
    """A text that can do nothing to a terminal."""
    return "".join(_shown(letter) for letter in str(value))


def _shown(letter: str) -> str:
    if unicodedata.category(letter)[0] in "CZ" and letter != " ":
        return f"\\u{ord(letter):04x}"
    return letter


# --- JSON, so that everybody reads the same in it ---


class Unreadable(Exception):
    """Not JSON that everybody reads in the same way; its text is a key of `WHYS`."""


class Number(float):
    """A number with a point or an exponent, as it was written."""

    raw = ""


def read_json(data: bytes) -> Any:
    """Raises `Unreadable` for whatever two programs could read in two ways, and for what would keep them busy."""
    if len(data) > JSON_BYTES:
        raise Unreadable("large")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_real
        )
        _check_depth(value)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise Unreadable("deep") from None
    except UnicodeError:
        raise Unreadable("letters") from None
    except ValueError:
        raise Unreadable("json") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("duplicate")
    return found


def _integer(text: str) -> int:
    if len(text) > NUMBER_CHARS or text == "-0" or abs(int(text)) >= INTEGER_LIMIT:
        raise Unreadable("number")
    return int(text)


def _real(text: str) -> Number:
    number = Number(text)
    if len(text) > NUMBER_CHARS or not abs(number) < INTEGER_LIMIT:
        raise Unreadable("number")
    number.raw = text
    return number


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(JSON_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise Unreadable("deep")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def canonical(value: Any) -> str:
    """The text a certificate's signature is over: sorted keys, no spaces, letters and numbers as they are."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, Number):
        return value.raw
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- what the files must look like ---

SEGMENT = {
    "path": "path", "recording_id": "text", "start": "time", "end": "time", "duration_seconds": "number",
    "bytes": "integer", "sha256": "hex32", "hashed": "text", "damaged": "flag", "altered": "flag", "clock": "text",
}  # fmt: skip
GAP = {"start": "time", "end": "time", "cause": "text"}
CAMERA = {
    "id": "text", "name": "text", "viewing_copy": "path?", "requested_seconds": "number",
    "delivered_seconds": "number", "missing_seconds": "number", "segments": [SEGMENT], "gaps": [GAP],
}  # fmt: skip
MANIFEST_SHAPE = {
    "format": "text",
    "package": {"id": "text", "created_at": "time", "site": "text", "city": {"id": "text", "name": "text"}},
    "box": {"serial": "text", "public_key": "hex32", "fingerprint": "hex32"},
    "software": {"vmsd": "text"},
    "request": {"number": "text", "start": "time", "end": "time"},
    "clock": {"trusted": "flag"},
    "cameras": [CAMERA],
    "files": [{"path": "path", "bytes": "integer", "sha256": "hex32", "what": "text"}],
}
CUSTODY_SHAPE = {
    "format": "text",
    "package_id": "text",
    "procedure": {"number": "text"},
    "events": [{"step": "text", "at": "time"}],
}
AUDIT_SHAPE = {"format": "text", "rows": [{"id": "hex32", "at": "time", "action": "text"}]}
HEAD_SHAPE = {
    "hash": "hex32", "at": "time", "clock_trusted": "flag", "public_key": "hex32", "signature": "hex64",
    "statement": "text",
}  # fmt: skip
SIGNATURE_SHAPE = {
    "algorithm": "text", "fingerprint": "hex32", "public_key": "hex32", "signature": "hex64",
}  # fmt: skip
STEPS = (
    "reconhecimento", "isolamento", "fixacao", "coleta", "acondicionamento", "transporte", "recebimento",
    "processamento", "armazenamento", "descarte",
)  # fmt: skip
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{3}))?Z")
_HEX32, _HEX64 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{128}")


def milliseconds(text: str) -> int | None:
    """Since 1970; None for what is no time in UTC."""
    match = _TIME.fullmatch(text)
    try:
        at = match and datetime(*map(int, match.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001 - UTC, as its Z says
    except ValueError:
        return None
    if match is None or at is None:
        return None
    return round((at - datetime(1970, 1, 1)).total_seconds()) * 1000 + int(match[7] or 0)  # noqa: DTZ001 - as above


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "time": lambda value: isinstance(value, str) and milliseconds(value) is not None,
    "path": lambda value: isinstance(value, str) and safe_name(value),
    "flag": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and isinstance(value, int) and value >= 0,
    "hex32": lambda value: isinstance(value, str) and _HEX32.fullmatch(value) is not None,
    "hex64": lambda value: isinstance(value, str) and _HEX64.fullmatch(value) is not None,
}


def misfits(value: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Where a value is not what it must be; fields the shape does not name may be there."""
    if isinstance(shape, str):
        fits = (shape.endswith("?") and value is None) or KINDS[shape.rstrip("?")](value)
        if not fits:
            yield at
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield at
            return
        for number, one in enumerate(value):
            yield from misfits(one, shape[0], f"{at}/{number}")
    elif not isinstance(value, dict):
        yield at
    else:
        for key, inner in shape.items():
            if key in value:
                yield from misfits(value[key], inner, f"{at}/{key}")
            else:
                yield f"{at}/{key}"


# --- Ed25519 (RFC 8032), the strict way ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = Tuple[int, int, int, int]  # noqa: UP006 - not known to 3.8
"""(X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z."""
NEUTRAL = (0, 1, 1, 0)


def _plus(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def _twice(a: Point) -> Point:
    x, y, z = a[0] * a[0], a[1] * a[1], 2 * a[2] * a[2]
    h = x + y
    e, g = h - (a[0] + a[1]) ** 2, x - y
    f = z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _sum(first: int, a: Point, second: int, b: Point) -> Point:
    """`first` times a and `second` times b, together."""
    both, total = _plus(a, b), NEUTRAL
    for bit in reversed(range(max(first.bit_length(), second.bit_length()))):
        total = _twice(total)
        which = (first >> bit & 1) + 2 * (second >> bit & 1)
        if which:
            total = _plus(total, (a, b, both)[which - 1])
    return total


def _decode(data: bytes) -> Point | None:
    """None for what is no point, or not written in the one way, or of a small order."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    point = (x, y, 1, x * y % P)
    small = _twice(_twice(_twice(point)))
    return None if small[0] % P == 0 and (small[1] - small[2]) % P == 0 else point


def _encode(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature of the message is by the key; False for anything but the one right way to write it."""
    if len(public_key) != 32 or len(signature) != 64:  # noqa: PLR2004 - RFC 8032
        return False
    key, first = _decode(public_key), _decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or first is None or scalar >= L:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    minus = (P - key[0], key[1], key[2], P - key[3])
    return _encode(_sum(scalar, BASE, hashed, minus)) == signature[:32]


def fingerprint_of(public_key: bytes) -> str:
    return hashlib.sha256(public_key).hexdigest()


# --- where the files are ---

WHOLE = "(ZIP)"
"""The place of what is wrong with no file in particular."""
SYSTEM_FILES = {".ds_store", "thumbs.db", "desktop.ini"}
Tick = typing.Callable[[int], None]
"""As `typing` writes it, for 3.8."""


class Entry(NamedTuple):
    """A file of the package; `at` is where its bytes begin in the ZIP, `crc` what the ZIP says of them."""

    name: str
    at: int
    size: int
    crc: int = 0
    readable: bool = True


class Archive:
    """The ZIP, read from its beginning, entry by entry, and held against the one form it may have."""

    def __init__(self, handle: BinaryIO, size: int, report: Report) -> None:
        self._handle, self._size, self._report = handle, size, report
        self.entries: list[Entry] = []
        self.sealed = True
        self._walk()

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        self._handle.seek(entry.at)
        left = entry.size
        while left:
            piece = self._handle.read(min(left, CHUNK_BYTES))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def _read(self, at: int, count: int) -> bytes:
        self._handle.seek(at)
        return self._handle.read(count)

    def _walk(self) -> None:
        at = 0
        while len(self.entries) < ENTRIES:
            entry = self._local(at)
            if entry is None:
                break
            self.entries.append(entry)
            at = entry.at + entry.size
        if self._read(at, 4) in (CENTRAL, END):
            self._check_rest(at)
        else:
            self._report.say("zip_damaged", WHOLE, "broken", at)
            self._recover()

    def _local(self, at: int) -> Entry | None:
        """The entry whose header stands there; None where none does, or one that promises more than there is."""
        fixed = self._read(at, LOCAL_BYTES)
        if len(fixed) < LOCAL_BYTES or fixed[:4] != LOCAL:
            return None
        _, flags, method, _, _, crc, size, _, name_bytes, extra_bytes = struct.unpack("<5H3L2H", fixed[4:])
        header = self._read(at, LOCAL_BYTES + name_bytes + extra_bytes)
        name, extra = header[LOCAL_BYTES:][:name_bytes].decode("latin-1"), header[LOCAL_BYTES + name_bytes :]
        size = _big(extra, size)
        if at + LOCAL_BYTES + name_bytes + extra_bytes + size > self._size:
            return None
        if header != local_header(name, size, crc):
            self._report.say("zip_damaged", name, "header", at)
        return self._entry(name, at + len(header), size, crc, method or flags & 1)

    def _entry(self, name: str, at: int, size: int, crc: int, packed: int) -> Entry:
        if packed:
            self._report.say("zip_damaged", name, "compressed")
        return Entry(name, at, size, crc, not packed)

    def _check_rest(self, at: int) -> None:
        right = central_directory([(entry.name, entry.size, entry.crc) for entry in self.entries])
        found = self._read(at, len(right) + 1)
        if found == right:
            return
        same = next((n for n, (a, b) in enumerate(zip(found, right)) if a != b), min(len(found), len(right)))  # noqa: B905 - 3.8
        end = 0
        for entry in self.entries:
            end += len(_central_header(entry.name, entry.size, entry.crc, _header_at(entry)))
            if same < end:
                self._report.say("zip_damaged", entry.name, "directory", at + same)
                return
        self._report.say("zip_damaged", WHOLE, "ends", at + same)

    def _recover(self) -> None:
        """Where reading in order ends early: what the directory says there is, so that it can be named."""
        entries = [self._entry(*found) for found in self._directory()]
        if sum(entry.size for entry in entries) > self._size:
            self._report.say("zip_damaged", WHOLE, "overlap")
        elif len(entries) > len(self.entries):
            self.entries = entries

    def _directory(self) -> Iterator[tuple[str, int, int, int, int]]:
        data = self._directory_bytes()
        at = 0
        while data[at : at + 4] == CENTRAL and len(data) >= at + CENTRAL_BYTES:
            words = struct.unpack("<6H3L5H2L", data[at + 4 : at + CENTRAL_BYTES])
            flags, method, crc, _, size, name_bytes, extra_bytes, note_bytes = *words[2:4], *words[6:12]
            name_at = at + CENTRAL_BYTES
            name = data[name_at : name_at + name_bytes].decode("latin-1")
            extra = data[name_at + name_bytes : name_at + name_bytes + extra_bytes]
            size, offset = _big(extra, size), words[15]
            if offset == FULL32 and len(extra) >= 12:  # noqa: PLR2004 - with eight bytes at the end
                (offset,) = struct.unpack("<Q", extra[-8:])
            start = offset + len(local_header(name, size, crc))
            yield name, start, min(size, max(0, self._size - start)), crc, method or flags & 1
            at = name_at + name_bytes + extra_bytes + note_bytes

    def _directory_bytes(self) -> bytes:
        """As the end of the file says, or nothing."""
        most = END_BYTES + LOCATOR_BYTES + END64_BYTES + FULL16
        tail = self._read(max(0, self._size - most), most)
        end = tail.rfind(END)
        if end < 0 or len(tail) < end + END_BYTES:
            return b""
        count, start = struct.unpack("<2L", tail[end + 12 : end + 20])
        big = tail.rfind(END64, 0, end)
        if FULL32 in (count, start) and big >= 0 and len(tail) >= big + END64_BYTES:
            count, start = struct.unpack("<2Q", tail[big + 40 : big + END64_BYTES])
        return self._read(start, min(count, JSON_BYTES)) if start < self._size else b""


def _big(extra: bytes, size: int) -> int:
    """The size, where ZIP64 writes it."""
    if size == FULL32 and len(extra) >= 12 and extra[:2] == b"\1\0":  # noqa: PLR2004 - a header and eight bytes
        return int(struct.unpack("<Q", extra[4:12])[0])
    return size


def _header_at(entry: Entry) -> int:
    return entry.at - len(local_header(entry.name, entry.size, entry.crc))


def _is_shadow(path: Path) -> bool:
    """What a Mac writes beside each file on a stick."""
    return path.name[:2] == "._" and path.with_name(path.name[2:]).is_file()


class Folder:
    """A package somebody has unpacked."""

    sealed = False

    def __init__(self, root: str, report: Report) -> None:
        self._root, self._report = root, report
        self.entries: list[Entry] = []
        for folder, folders, files in os.walk(root):
            folders.sort()
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in sorted(files + links):
                self._add(Path(folder, name))

    def _add(self, path: Path) -> None:
        name = path.relative_to(self._root).as_posix()
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            self._report.say("file_added", name, "irregular")
        elif path.name.lower() in SYSTEM_FILES or _is_shadow(path):
            self._report.note("system_file", name)
        else:
            self.entries.append(Entry(name, 0, found.st_size))

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        with Path(self._root, *entry.name.split("/")).open("rb") as handle:
            while True:
                piece = handle.read(CHUNK_BYTES)
                if not piece:
                    return
                yield piece


# --- the package ---


class Package:
    """Checks one package; everything it finds goes into the report."""

    def __init__(self, contents: Archive | Folder, report: Report, fingerprint: str | None, tick: Tick) -> None:
        self._contents, self._report = contents, report
        self._fingerprint, self._tick = fingerprint, tick
        self._files: dict[str, Entry] = {}
        self._manifest: Any = None
        self._listed: dict[str, Mapping[str, Any]] = {}

    def check(self) -> None:
        self._report.kind = "package"
        self._check_names()
        if MANIFEST not in self._files and SIGNATURE not in self._files:
            self._report.say("not_a_package", MANIFEST, "absent")
            return
        data = self._load(MANIFEST, "manifest_unreadable", "file_missing")
        key = self._check_signature(data)
        self._manifest, whole = self._read(MANIFEST, data, MANIFEST_SHAPE, "manifest_unreadable")
        self._list_files()
        self._check_contents()
        if whole:
            self._check_format(MANIFEST, self._manifest, "vmsd-evidence/1", "manifest_unreadable")
            self._check_box(key)
            self._check_cameras()
            self._check_custody()
            self._check_audit()
            self._report.facts.update(describe(self._manifest))

    def _check_names(self) -> None:
        lower: set[str] = set()
        for entry in self._contents.entries:
            if not safe_name(entry.name):
                self._report.say("zip_damaged" if self._contents.sealed else "file_added", entry.name, "name")
            if entry.name.lower() in lower:
                self._report.say("file_twice", entry.name)
            lower.add(entry.name.lower())
            self._files.setdefault(entry.name, entry)

    def _load(self, name: str, large: str, missing: str) -> bytes | None:
        """A small file's bytes; None, and said, when it is not there or too large."""
        entry = self._files.get(name)
        if entry is None:
            self._report.say(missing, name)
        elif entry.size > JSON_BYTES:
            self._report.say(large, name, "large")
        elif entry.readable:
            return b"".join(self._contents.pieces(entry))
        return None

    def _read(self, name: str, data: bytes | None, shape: Any, code: str) -> tuple[Any, bool]:
        """What the JSON says, and whether it is all as it must be."""
        return (None, False) if data is None else read_shaped(self._report, name, data, shape, code)

    def _check_format(self, name: str, value: Any, wanted: str, code: str) -> None:
        if value["format"] != wanted:
            self._report.say(code, name, "format")

    def _check_signature(self, manifest: bytes | None) -> str | None:
        """The public key, in hexadecimal, whose signature it is."""
        data = self._load(SIGNATURE, "signature_changed", "signature_missing")
        signature, whole = self._read(SIGNATURE, data, SIGNATURE_SHAPE, "signature_changed")
        if not whole or data is None:
            return None
        kept = {name: signature[name] for name in ("fingerprint", "public_key", "signature")}
        right = {"algorithm": "Ed25519", **kept, "signed": MANIFEST}
        if data != json.dumps(right, sort_keys=True, indent=1).encode() + b"\n":
            self._report.say("signature_changed", SIGNATURE)
        check_key(self._report, signature, SIGNATURE, self._fingerprint)
        if manifest is not None and not fits(signature, manifest):
            self._report.say("manifest_changed", MANIFEST)
        return str(signature["public_key"])

    def _list_files(self) -> None:
        """Of a manifest that is otherwise wrong too, so that as much as possible is named."""
        files = self._manifest.get("files") if isinstance(self._manifest, dict) else None
        if files is None or next(misfits(files, MANIFEST_SHAPE["files"]), None) is not None:
            return
        for number, file in enumerate(files):
            if file["path"] in self._listed or file["path"] in (MANIFEST, SIGNATURE):
                self._report.say("manifest_mismatch", f"{MANIFEST}#/files/{number}", "twice")
            self._listed[file["path"]] = file

    def _check_contents(self) -> None:
        known = {MANIFEST, SIGNATURE, *self._listed}
        for path in self._listed:
            if path not in self._files:
                self._report.say("file_missing", path)
        for entry in self._contents.entries:
            if self._listed and entry.name not in known:
                self._report.say("file_added", entry.name)
            if entry.readable:
                self._check_content(entry)
        if self._contents.sealed and self._listed:
            self._check_order([MANIFEST, SIGNATURE, *self._listed])

    def _check_content(self, entry: Entry) -> None:
        try:
            size, digest, crc = digest_of(self._contents.pieces(entry), self._tick)
        except OSError:
            self._report.say("file_unreadable", entry.name)
            return
        listed = self._listed.get(entry.name)
        if listed and (size, digest) != (listed["bytes"], listed["sha256"]):
            why = ("size", size) if size != listed["bytes"] else ("", None)
            self._report.say("file_changed", entry.name, *why)
        if self._contents.sealed and crc != entry.crc:
            self._report.say("zip_damaged", entry.name, "crc")

    def _check_order(self, right: Sequence[str]) -> None:
        known = set(right)
        present = [name for name in right if name in self._files]
        found = [name for name in self._files if name in known]
        wrong = next((name for name, other in zip(found, present) if name != other), None)  # noqa: B905 - 3.8
        if wrong is not None:
            self._report.say("zip_damaged", wrong, "order")

    def _check_box(self, key: str | None) -> None:
        box = self._manifest["box"]
        if fingerprint_of(bytes.fromhex(box["public_key"])) != box["fingerprint"]:
            self._report.say("key_changed", MANIFEST, "fingerprint")
        if key is not None and key != box["public_key"]:
            self._report.say("key_changed", MANIFEST, "key")

    def _check_cameras(self) -> None:
        claimed: list[str] = []
        for number, camera in enumerate(self._manifest["cameras"]):
            at = f"{MANIFEST}#/cameras/{number}"
            if camera["viewing_copy"] is not None:
                claimed.append(self._claim(camera["viewing_copy"], "viewing_copy", f"{at}/viewing_copy"))
            for place, segment in enumerate(camera["segments"]):
                claimed.append(self._claim(segment["path"], "original", f"{at}/segments/{place}"))
                self._check_segment(segment, f"{at}/segments/{place}")
            for place, _ in enumerate(_inside(camera.get("unreadable"))):
                self._report.note("recording_unreadable", f"{at}/unreadable/{place}")
        self._check_claims(claimed)

    def _claim(self, path: str, what: str, at: str) -> str:
        listed = self._listed.get(path)
        if listed is None or listed["what"] != what:
            self._report.say("manifest_mismatch", at, "not_listed")
        return path

    def _check_segment(self, segment: Mapping[str, Any], at: str) -> None:
        listed = self._listed.get(segment["path"], segment)
        same = (segment["bytes"], segment["sha256"]) == (listed["bytes"], listed["sha256"])
        if not same and not segment["altered"]:
            self._report.say("manifest_mismatch", at, "differs")
        if not milliseconds(segment["start"]) <= milliseconds(segment["end"]):  # type: ignore[operator]
            self._report.say("manifest_mismatch", at, "times")
        for code, true in (
            ("segment_altered", segment["altered"]),
            ("segment_damaged", segment["damaged"]),
            ("segment_hashed_late", segment["hashed"] != "at_close"),
            ("clock_untrusted", segment["clock"] == "untrusted"),
            ("clock_corrected", segment["clock"] == "corrected"),
        ):
            if true:
                self._report.note(code, segment["path"])

    def _check_claims(self, claimed: Sequence[str]) -> None:
        owners = Counter(claimed)
        for path, file in self._listed.items():
            if owners[path] != (file["what"] in ("original", "viewing_copy")):
                self._report.say("manifest_mismatch", path, "unclaimed")

    def _check_custody(self) -> None:
        custody, whole = self._attached(CUSTODY, CUSTODY_SHAPE, "custody_mismatch")
        if not whole:
            return
        self._check_format(CUSTODY, custody, "vmsd-custody/1", "custody_mismatch")
        if custody["package_id"] != self._manifest["package"]["id"]:
            self._report.say("custody_mismatch", f"{CUSTODY}#/package_id", "package")
        if custody["procedure"]["number"] != self._manifest["request"]["number"]:
            self._report.say("custody_mismatch", f"{CUSTODY}#/procedure/number", "request")
        for number, event in enumerate(custody["events"]):
            if event["step"] not in STEPS:
                self._report.say("custody_mismatch", f"{CUSTODY}#/events/{number}/step", "step")
        self._report.facts["custody"] = {"procedure": custody["procedure"], "events": custody["events"]}

    def _attached(self, name: str, shape: Any, code: str) -> tuple[Any, bool]:
        if name not in self._listed:
            self._report.say(code, name, "not_listed")
        if name not in self._files:
            return None, False
        return self._read(name, self._load(name, code, code), shape, code)

    def _check_audit(self) -> None:
        extract, whole = self._attached(AUDIT, AUDIT_SHAPE, "audit_mismatch")
        if not whole:
            return
        self._check_format(AUDIT, extract, "vmsd-audit-extract/1", "audit_mismatch")
        seen: set[str] = set()
        for number, row in enumerate(extract["rows"]):
            if row["id"] in seen:
                self._report.say("audit_mismatch", f"{AUDIT}#/rows/{number}", "row")
            seen.add(row["id"])
        self._report.facts["audit"] = {"rows": len(extract["rows"]), "head": self._check_head(extract.get("head"))}

    def _check_head(self, head: Any) -> Mapping[str, Any] | None:
        """A box that has just been set up may not have signed any yet."""
        if head is None:
            self._report.note("audit_unsigned", f"{AUDIT}#/head")
            return None
        wrong = next(misfits(head, HEAD_SHAPE), None)
        if wrong is not None:
            self._report.say("audit_mismatch", f"{AUDIT}#/head{wrong}", "field")
            return None
        why = head_flaw(head, self._manifest["box"]["public_key"])
        if why:
            self._report.say("head_forged", f"{AUDIT}#/head", why)
        return {name: head[name] for name in ("hash", "at", "clock_trusted")}


_STATEMENT = re.compile(
    r"vmsd audit head v1 of box ([0-9a-f]{64})\nrow [0-9]{1,19}\nhash ([0-9a-f]{64})\n"
    r"time (-?[0-9]{1,15})\nclock (trusted|untrusted)\n"
)


def head_flaw(head: Mapping[str, Any], box_key: str) -> str | None:
    """What is wrong with a signed head of the audit log; None when the box has signed just this."""
    if head["public_key"] != box_key:
        return "key"
    said = _STATEMENT.fullmatch(head["statement"])
    clock = "trusted" if head["clock_trusted"] else "untrusted"
    box = fingerprint_of(bytes.fromhex(box_key))
    if said is None or said.groups() != (box, head["hash"], str(milliseconds(head["at"])), clock):
        return "statement"
    return None if fits(head, head["statement"].encode()) else "signature"


def fits(signature: Mapping[str, Any], message: bytes) -> bool:
    return signed(bytes.fromhex(signature["public_key"]), message, bytes.fromhex(signature["signature"]))


def check_key(report: Report, signature: Mapping[str, Any], path: str, fingerprint: str | None) -> None:
    """`fingerprint` is the one the municipality has published, when somebody gave it."""
    right = fingerprint_of(bytes.fromhex(signature["public_key"]))
    report.facts["fingerprint"] = right
    if signature["fingerprint"] != right:
        report.say("key_changed", path, "fingerprint")
    if fingerprint is not None and fingerprint != right:
        report.say("fingerprint_unexpected", path)


def read_shaped(report: Report, name: str, data: bytes, shape: Any, code: str) -> tuple[Any, bool]:
    try:
        value = read_json(data)
    except Unreadable as error:
        report.say(code, name, str(error))
        return None, False
    wrong = [pointer for pointer, _ in zip(misfits(value, shape), range(SHOWN))]  # noqa: B905 - 3.8
    for pointer in wrong:
        report.say(code, f"{name}#{pointer}", "field")
    return value, not wrong


def digest_of(pieces: Iterable[bytes], tick: Tick) -> tuple[int, str, int]:
    """Size, SHA-256 and CRC-32 of what comes in pieces."""
    size, digest, crc = 0, hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        digest.update(piece)
        crc = zlib.crc32(piece, crc)
        tick(len(piece))
    return size, digest.hexdigest(), crc


def describe(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the package says of itself."""
    said = {name: manifest[name] for name in ("package", "box", "software", "request", "clock")}
    files = manifest["files"]
    cameras = [describe_camera(camera) for camera in manifest["cameras"]]
    return {**said, "cameras": cameras, "files": len(files), "bytes": sum(file["bytes"] for file in files)}


def describe_camera(camera: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: camera[name] for name in ("id", "name", "viewing_copy", "gaps")}
    seconds = {name: camera[name] for name in ("requested_seconds", "delivered_seconds", "missing_seconds")}
    counts = {name: sum(segment[name] for segment in camera["segments"]) for name in ("altered", "damaged")}
    return {**said, **seconds, "segments": len(camera["segments"]), **counts}


# --- the certificate ---

CERTIFICATE_SHAPE = {"certificate": {"format": "text"}, "signature": SIGNATURE_SHAPE}
CONTINUITY, ACCEPTANCE = "vmsd-continuity/1", "vmsd-acceptance/1"
FORMATS = (CONTINUITY, ACCEPTANCE)
ACCEPTED = {"name": "text", "result": "text"}


def check_certificate(report: Report, name: str, data: bytes, fingerprint: str | None) -> None:
    """`{"certificate", "signature"}`: the signature is over the canonical text of the certificate."""
    report.kind = "certificate"
    value, whole = read_shaped(report, name, data, CERTIFICATE_SHAPE, "certificate_unreadable")
    if not whole:
        return
    certificate, signature = value["certificate"], value["signature"]
    if set(value) != set(CERTIFICATE_SHAPE) or set(signature) != set(SIGNATURE_SHAPE):
        report.say("certificate_unreadable", name, "field")
    if certificate["format"] not in FORMATS:
        report.say("certificate_unreadable", name, "format")
    if signature["algorithm"] != "Ed25519":
        report.say("signature_changed", name)
    check_key(report, signature, name, fingerprint)
    if not fits(signature, canonical(certificate).encode()):
        report.say("certificate_changed", name)
    box = certificate.get("box")
    key = box.get("public_key") if isinstance(box, dict) else None
    if key not in (None, signature["public_key"]):
        report.say("key_changed", name, "key")
    report.facts["certificate"] = certificate


# --- the command ---


def verify(path: str, fingerprint: str | None = None, progress: Callable[[int, int], None] | None = None) -> Report:
    """Checks a ZIP, a folder or a certificate. `OSError` when there is nothing to be read there."""
    report = Report()
    if Path(path).is_dir():
        contents = Folder(path, report)
        total = sum(entry.size for entry in contents.entries)
        Package(contents, report, fingerprint, _ticker(progress, total)).check()
        return report
    with Path(path).open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        kind = _kind(handle, size)
        if kind == "zip":
            Package(Archive(handle, size, report), report, fingerprint, _ticker(progress, size)).check()
        elif kind == "json":
            handle.seek(0)
            check_certificate(report, Path(path).name, handle.read(JSON_BYTES + 1), fingerprint)
        else:
            report.say("not_a_package", Path(path).name)
    return report


def _kind(handle: BinaryIO, size: int) -> str | None:
    handle.seek(0)
    head = handle.read(64)
    handle.seek(max(0, size - END_BYTES))
    tail = handle.read(END_BYTES)
    if head[:2] == LOCAL[:2] or tail[:4] == END:
        return "zip"
    return "json" if head.lstrip()[:1] == b"{" else None


def _ticker(progress: Callable[[int, int], None] | None, total: int) -> Tick:
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, total)

    return tick


LABELS = {
    "package": ("Pacote", "Package"),
    "certificate": ("Certidão", "Certificate"),
    "box": ("Caixa", "Box"),
    "fingerprint": ("Impressão digital da chave", "Fingerprint of the key"),
    "made": ("Feito em", "Made"),
    "where": ("Município e local", "Municipality and site"),
    "request": ("Requisição", "Request"),
    "period": ("Período pedido", "Period asked for"),
    "clock": ("Relógio da caixa na exportação", "Clock of the box at the export"),
    "camera": ("Câmera", "Camera"),
    "gap": ("lacuna", "gap"),
    "audit": ("Auditoria", "Audit"),
    "custody": ("Custódia", "Custody"),
    "checked": ("Conferido", "Checked"),
    "coverage": ("Cobertura", "Coverage"),
    "acceptance": ("Laudo de aceite", "Acceptance report"),
    "outcome": ("Resultado do laudo", "Outcome of the report"),
    "installer": ("Instalado por", "Installed by"),
    "notes": ("Avisos da própria caixa", "What the box itself says"),
    "findings": ("O QUE ESTÁ ERRADO", "WHAT IS WRONG"),
}
PASSED = {True: ("APROVADO", "PASSED"), False: ("NÃO APROVADO", "NOT PASSED")}
MARKS = {"pass": ("aprovada", "passed"), "warn": ("com aviso", "with a warning"), "fail": ("REPROVADA", "FAILED")}
CLOCK_WORDS = {True: ("confiável", "trusted"), False: ("NÃO confiável", "NOT trusted")}
CAUSES = {
    "camera": "câmera sem sinal",
    "network": "rede",
    "power": "energia",
    "disk": "disco",
    "breaker": "falta de espaço",
    "maintenance": "manutenção",
    "mediamtx": "servidor de mídia",
    "purge": "apagado por prazo",
    "clock": "acerto do relógio",
    "switched_off": "gravação desligada",
    "unknown": "causa não comprovada",
}
REMINDERS = (
    "Compare a impressão digital com a que o município publicou: só ela diz de quem é a chave.",
    "Compare the fingerprint with the one the municipality published: it alone says whose key this is.",
)
UNPROVED = (
    "Algo está errado: o que segue é o que o pacote diz de si, sem prova.",
    "Something is wrong: what follows is what the package says of itself, unproved.",
)
VERDICTS = {
    True: (
        "RESULTADO: OK. Nada mudou desde que a caixa lacrou.",
        "RESULT: OK. Nothing has changed since the box sealed it.",
    ),
    False: ("RESULTADO: FALHA. Problemas: {}.", "RESULT: FAILURE. Problems: {}."),
}


class Words:
    """The report for people, in one language."""

    def __init__(self, report: Report, language: str) -> None:
        self._report, self._number = report, LANGUAGES.index(language)
        self._language = language

    def lines(self) -> Iterator[str]:
        report, facts = self._report, self._report.facts
        if not report.ok and facts:
            yield UNPROVED[self._number]
        if "fingerprint" in facts:
            digits = facts["fingerprint"]
            yield self._line("fingerprint", " ".join(digits[at : at + 4] for at in range(0, 64, 4)))
        if "certificate" in facts:
            yield from self._certificate(facts["certificate"])
        if "package" in facts:
            yield from self._package(facts)
        yield from self._list("notes", report.notes)
        yield from self._list("findings", report.findings)
        if "fingerprint" in facts:
            yield REMINDERS[self._number]
        yield VERDICTS[report.ok][self._number].format(len(report.findings))

    def _line(self, label: str, *words: object) -> str:
        return (
            f"{LABELS[label][self._number]}: {shown(', '.join(str(word) for word in words if word not in (None, '')))}"
        )

    def _package(self, facts: Mapping[str, Any]) -> Iterator[str]:
        package, request, clock = facts["package"], facts["request"], facts["clock"]
        yield self._line("package", package["id"])
        yield self._line("box", facts["box"]["serial"], f"vmsd {facts['software']['vmsd']}")
        yield self._line("where", package["city"]["name"], package["site"])
        yield self._line("made", package["created_at"])
        yield self._line("request", request["number"], request.get("reason"))
        yield self._line("period", f"{request['start']} - {request['end']}")
        yield self._line("clock", CLOCK_WORDS[clock["trusted"]][self._number], clock.get("reason"))
        for camera in facts["cameras"]:
            yield from self._camera(camera)
        if "custody" in facts:
            yield self._line("custody", *(f"{event['step']} {event['at']}" for event in facts["custody"]["events"]))
        if "audit" in facts:
            rows, head = facts["audit"]["rows"], facts["audit"]["head"]
            words = ("{} linhas", "{} rows")[self._number].format(rows)
            yield self._line("audit", words, head and f"{head['hash']} ({head['at']})")
        yield self._line(
            "checked", ("{} arquivos", "{} files")[self._number].format(facts["files"]), f"{facts['bytes']} bytes"
        )

    def _camera(self, camera: Mapping[str, Any]) -> Iterator[str]:
        words = (
            ("{} originais", "entregues {} s de {} s")
            if self._number == 0
            else ("{} originals", "{} s of {} s delivered")
        )
        delivered = words[1].format(camera["delivered_seconds"], camera["requested_seconds"])
        yield self._line("camera", camera["name"], words[0].format(camera["segments"]), delivered)
        yield from self._gaps(camera["gaps"])

    def _gaps(self, gaps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        for gap in gaps[:SHOWN]:
            cause = CAUSES.get(gap["cause"], gap["cause"]) if self._number == 0 else gap["cause"]
            period = f"{gap['start']} - {gap['end']}"
            yield "  " + self._line("gap", period, cause)
        yield from self._more(len(gaps))

    def _more(self, count: int) -> Iterator[str]:
        if count > SHOWN:
            yield ("  ... e mais {}", "  ... and {} more")[self._number].format(count - SHOWN)

    def _certificate(self, certificate: Mapping[str, Any]) -> Iterator[str]:
        named = {name: _inner(certificate, name, "name") for name in ("city", "camera")}
        period = [_inner(certificate, "period", name) for name in ("start", "end")]
        if certificate.get("format") == ACCEPTANCE:
            yield from self._acceptance(certificate)
            return
        yield self._line("certificate", certificate.get("id"))
        yield self._line("where", named["city"], certificate.get("site"))
        yield self._line("made", certificate.get("issued_at"))
        yield self._line("camera", named["camera"], _inner(certificate, "camera", "id"))
        yield self._line("period", " - ".join(str(at) for at in period))
        yield self._line("coverage", certificate.get("coverage"))
        gaps = certificate.get("gaps")
        if next(misfits(gaps, [GAP]), None) is None:
            yield from self._gaps(gaps)  # type: ignore[arg-type]

    def _acceptance(self, certificate: Mapping[str, Any]) -> Iterator[str]:
        """Whether the site passed, and each camera with what it came to."""
        passed = certificate.get("passed")
        yield self._line("acceptance", certificate.get("id"))
        yield self._line("outcome", PASSED[passed is True][self._number])
        yield self._line("where", _inner(certificate, "city", "name"), certificate.get("site"))
        yield self._line("installer", certificate.get("installer"))
        yield self._line("made", certificate.get("issued_at"))
        yield self._line("period", " - ".join(str(_inner(certificate, "period", name)) for name in ("start", "end")))
        cameras = certificate.get("cameras")
        if next(misfits(cameras, [ACCEPTED]), None) is None:
            for camera in cameras:  # type: ignore[union-attr]
                yield self._line("camera", camera["name"], _mark(camera["result"], self._number))

    def _list(self, label: str, findings: Sequence[Finding]) -> Iterator[str]:
        if not findings:
            return
        yield f"{LABELS[label][self._number]}:"
        for code in sorted({finding.code for finding in findings}, key=list(TEXTS).index):
            alike = [finding for finding in findings if finding.code == code]
            for finding in alike[:SHOWN]:
                yield f"  {shown(finding.path)}: {finding.words(self._language)} [{code}]"
            yield from self._more(len(alike))


def _mark(result: str, number: int) -> str:
    return MARKS[result][number] if result in MARKS else result


def _inner(outer: Mapping[str, Any], name: str, inner: str) -> Any:
    found = outer.get(name)
    return found.get(inner) if isinstance(found, dict) else found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        fingerprint = asked.fingerprint and read_fingerprint(asked.fingerprint)
    except ValueError as error:
        parser.error(f"--fingerprint: {error}")
    return report(asked.package, fingerprint, lang=asked.lang, as_json=asked.json)


def report(path: str, fingerprint: str | None, *, lang: str = "pt", as_json: bool = False) -> int:
    """Checks it and says what was found; the exit code."""
    terminal = sys.stderr.isatty()
    try:
        found = verify(path, fingerprint, _bar if terminal else None)
    except OSError as error:
        _write(sys.stderr, f"{path}: {error.strerror or error}")
        return 2
    if terminal:
        sys.stderr.write("\r      \r")
    lines = [json.dumps(found.answer(), ensure_ascii=False, indent=1)] if as_json else Words(found, lang).lines()
    for line in lines:
        _write(sys.stdout, line)
    return 0 if found.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Verifica um pacote de evidência. / Checks an evidence package.")
    parser.add_argument("package", metavar="PACOTE", help="ZIP, pasta ou certidão / ZIP, folder or certificate")
    help_text = "a impressão digital publicada / the fingerprint published"
    parser.add_argument("--fingerprint", metavar="HEX", help=help_text)
    parser.add_argument("--lang", choices=LANGUAGES, default="pt", help="pt (padrão) ou / or en")
    parser.add_argument("--json", action="store_true", help="para programas / for programs")
    return parser


def read_fingerprint(text: str) -> str:
    """As people copy it: in any letters, with spaces or colons."""
    digits = re.sub(r"[\s:]", "", text).lower()
    if not _HEX32.fullmatch(digits):
        raise ValueError("64 algarismos hexadecimais / 64 hexadecimal digits")
    return digits


_LAST_SHOWN = [-1]


def _bar(done: int, total: int) -> None:
    percent = min(100, 100 * done // max(1, total))
    if percent != _LAST_SHOWN[0]:
        _LAST_SHOWN[0] = percent
        sys.stderr.write(f"\r{percent:3d} %")
        sys.stderr.flush()


def _write(stream: Any, text: str) -> None:
    """Whatever letters the terminal has."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")


if __name__ == "__main__":
    sys.exit(main())
