"""Makes evidence packages as the box writes them, with other means than the box's."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vmsd.clock import rfc3339
from vmsd.model.audit import Head, fingerprint, statement

START_MS = 1_790_000_000_000
NAMES = (
    "Praça da Sé",
    "Escola José de Anchieta — portão",
    "Câmera 1",
    "R. XV, 100",
    "entrada/saída",
    "摄像头",
    "Ж\u202e📷",
)
STEPS = ("reconhecimento", "isolamento", "fixacao", "coleta", "acondicionamento")
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


def encoded(value: Any) -> bytes:
    """As every JSON file of a package is written."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Made:
    """A package as its parts: `files` are all but the manifest and its signature."""

    key: Ed25519PrivateKey
    manifest: dict[str, Any]
    files: dict[str, bytes]
    signature: dict[str, Any] = field(default_factory=dict)

    def signed(self, key: Ed25519PrivateKey | None = None) -> Made:
        """With the list of files as the files are, signed by the box, or by somebody else."""
        whats = {file["path"]: file["what"] for file in self.manifest["files"]}
        self.manifest["files"] = [
            {"path": path, "bytes": len(data), "sha256": digest(data), "what": whats.get(path, "readme")}
            for path, data in self.files.items()
        ]
        self.signature = signature_of(key or self.key, encoded(self.manifest)) | {"signed": "manifest.json"}
        return self

    def entries(self) -> dict[str, bytes]:
        return {"manifest.json": encoded(self.manifest), "signature.json": encoded(self.signature), **self.files}

    def zipped(self) -> bytes:
        return zip_of(self.entries())

    def copied(self) -> Made:
        return Made(self.key, copy.deepcopy(self.manifest), dict(self.files), dict(self.signature))


def zip_of(entries: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return file.getvalue()


def signature_of(key: Ed25519PrivateKey, message: bytes) -> dict[str, Any]:
    public = key.public_key().public_bytes_raw()
    said = {"public_key": public.hex(), "fingerprint": fingerprint(public), "signature": key.sign(message).hex()}
    return {"algorithm": "Ed25519", **said}


def make_package(seed: int, *, largest: int = 400) -> Made:
    """Anything a box could write; the same for the same seed."""
    draw = random.Random(seed)
    key = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
    public = key.public_key().public_bytes_raw()
    files: dict[str, bytes] = {}
    whats: dict[str, str] = {}
    package_id, number = _uuid(draw), f"{draw.randint(1, 999)}/2026"

    def add(path: str, data: bytes, what: str) -> str:
        files[path], whats[path] = data, what
        return path

    add("LEIA-ME.txt", b"Leia.\r\n" * draw.randint(0, 9), "readme")
    add("custody.json", encoded(_custody(draw, package_id, number)), "custody")
    add("audit-extract.json", encoded(_audit(draw, key)), "audit")
    add("termo.pdf", draw.randbytes(draw.randint(0, largest)), "form")
    add("verificar.py", b"# ...\n", "verifier")
    cameras = [_camera(draw, index, add, largest) for index in range(draw.randint(1, 4))]
    manifest = {
        "format": "vmsd-evidence/1",
        "package": {
            "id": package_id,
            "created_at": rfc3339(START_MS + 9_000_000),
            "site": draw.choice(NAMES),
            "city": {"id": _uuid(draw), "name": draw.choice(NAMES)},
        },
        "box": {"serial": "VMSD-1", "public_key": public.hex(), "fingerprint": fingerprint(public)},
        "software": {"vmsd": "0.4.0", "mediamtx": "1.20.1"},
        "request": {
            "number": number,
            "reason": draw.choice(NAMES),
            "asked_by": {"name": draw.choice(NAMES), "role": "GESTOR"},
            "asked_at": rfc3339(START_MS),
            "start": rfc3339(START_MS - 3_600_000),
            "end": rfc3339(START_MS),
        },
        "clock": {"trusted": draw.random() < 0.9, "synchronised": True, "reason": None},
        "cameras": cameras,
        "files": [{"path": path, "what": whats[path]} for path in files],
    }
    return Made(key, manifest, files).signed()


def _uuid(draw: random.Random) -> str:
    return str(uuid.UUID(bytes=draw.randbytes(16), version=4))


def _custody(draw: random.Random, package_id: str, number: str) -> dict[str, Any]:
    events = [
        {"step": step, "at": rfc3339(START_MS + n), "person": draw.choice(NAMES), "role": "GESTOR", "detail": "x"}
        for n, step in enumerate(STEPS)
    ]
    procedure = {"number": number, "authority": "1ª Vara", "purpose": "inquérito", "hold_id": None}
    return {"format": "vmsd-custody/1", "package_id": package_id, "procedure": procedure, "events": events}


def _audit(draw: random.Random, key: Ed25519PrivateKey) -> dict[str, Any]:
    rows = [
        {
            "id": draw.randbytes(32).hex(),
            "at": rfc3339(START_MS + n),
            "clock_trusted": True,
            "person": None,
            "name": draw.choice(NAMES),
            "role": None,
            "address": "192.0.2.7",
            "action": "view.replay",
            "subject_kind": "camera",
            "subject": _uuid(draw),
            "reason": None,
            "facts": "{}",
        }
        for n in range(draw.randint(0, 6))
    ]
    return {
        "format": "vmsd-audit-extract/1",
        "rows": rows,
        "head": head_of(key, draw.randbytes(32), draw.random() < 0.9),
    }


def head_of(key: Ed25519PrivateKey, chain_hash: bytes, trusted: bool) -> dict[str, Any]:
    public = key.public_key().public_bytes_raw()
    text = statement(Head(77, chain_hash, START_MS + 5, trusted, public))
    return {
        "hash": chain_hash.hex(),
        "at": rfc3339(START_MS + 5),
        "clock_trusted": trusted,
        "public_key": public.hex(),
        "signature": key.sign(text).hex(),
        "statement": text.decode(),
    }


def _camera(draw: random.Random, index: int, add: Any, largest: int) -> dict[str, Any]:
    camera_id = _uuid(draw)
    segments = [_segment(draw, camera_id, n, add, largest) for n in range(draw.randint(0, 5))]
    copied = (
        add(f"video/camera-{index}.mp4", draw.randbytes(draw.randint(1, largest)), "viewing_copy") if segments else None
    )
    gap = {"start": rfc3339(START_MS - 9_000), "end": rfc3339(START_MS), "cause": "network", "detail": None}
    return {
        "id": camera_id,
        "name": draw.choice(NAMES),
        "viewing_copy": copied,
        "requested_seconds": 3600,
        "delivered_seconds": 3591.5,
        "missing_seconds": 8.5,
        "segments": segments,
        "gaps": [gap] * draw.randint(0, 2),
    }


def _segment(draw: random.Random, camera_id: str, n: int, add: Any, largest: int) -> dict[str, Any]:
    data = draw.randbytes(draw.randint(0, largest))
    path = add(f"original/{camera_id}/2026-09-21_14-{n:02d}-00-000000.mp4", data, "original")
    altered = draw.random() < 0.05
    return {
        "path": path,
        "recording_id": _uuid(draw),
        "start": rfc3339(START_MS + n * 60_000),
        "end": rfc3339(START_MS + (n + 1) * 60_000),
        "duration_seconds": 60.0,
        "bytes": len(data),
        "sha256": digest(b"before") if altered else digest(data),
        "hashed": draw.choice(("at_close", "at_close", "at_export")),
        "damaged": draw.random() < 0.1,
        "altered": altered,
        "clock": draw.choice(("trusted", "untrusted", "corrected")),
        "codecs": ["avc1.42c01e"],
        "first_utc_ms": START_MS + n * 60_000,
    }
