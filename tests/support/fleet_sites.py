"""Many sites in one small process: an HTTPS server whose every path is a box of its own, honest or not.

    python -m tests.support.fleet_sites FOLDER [--like honest=196 --like slow=2 ...]

prints its port and writes `sites.toml`, the certificate and the token into the folder.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vmsd.clock import SystemClock, rfc3339
from vmsd.host.certificate import Subject, make_certificate, pem_of_key
from vmsd.host.signing import BoxKey
from vmsd.model.audit import Head, statement
from vmsd.services.box_seal import BoxSeal

TOKEN = "vmsd_central-office-of-the-tests-0123456789ABCDEFGHIJ"
CAMERAS = 16
HOSTILE = "\x1b[2J\x1b]0;x\x07<script>alert(1)</script>&\u202e"


def hash_at(box: str, row: int) -> str:
    return hashlib.sha256(f"{box}/{row}".encode()).hexdigest()


def signed_by(key: BoxKey, status: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": dict(status), "signature": BoxSeal(key).sign(status)}


def status_of(key: BoxKey, made_ms: int, *, row: int = 1000, log: str = "log", **changes: Any) -> dict[str, Any]:
    """The status of a box where all is well."""
    head = Head(row - 3, bytes.fromhex(hash_at(log, row - 3)), made_ms, clock_trusted=True, public_key=key.public_key)
    signed = {
        "row": head.seq,
        "hash": head.hash.hex(),
        "at_ms": head.at_ms,
        "clock_trusted": True,
        "public_key": key.public_key.hex(),
        "signature": key.sign(statement(head)).hex(),
    }
    cameras = [camera_of(number, made_ms) for number in range(CAMERAS)]
    counts = {"all": CAMERAS, "online": CAMERAS, "offline": 0, "stalled": 0, "starting": 0, "disabled": 0}
    return {
        "format": "vmsd-status/1",
        "made_at": rfc3339(made_ms),
        "box": BoxSeal(key).identity,
        "version": "0.1.0",
        "uptime": 86_400,
        "safe_mode": False,
        "mediamtx": {"alive": True, "version": "v1.20.1", "applied": True},
        "database": True,
        "clock": {"trusted": True, "synchronised": True, "reason": None},
        "disk": {"condition": "ok", "total_bytes": 4 * 10**12, "free_bytes": 10**12, "used_ratio": 0.75,
                 "recording": True, "reason": None, "failing": False, "wear_ratio": 0.11},
        "promise": {"promised_days": 15, "holds_days": 17.4, "breaks_at": None, "protected_bytes": 0},
        "counts": counts | {"recording": CAMERAS, "unrecorded": 0},
        "coverage": {"worst": 0.9991, "camera": cameras[0]["id"], "mean": 0.9996},
        "cameras": cameras,
        "left_off": 0,
        "alerts": {"critical": 0, "warning": 2, "info": 5},
        "notices": [],
        "tasks_late": [],
        "power_loss": None,
        "audit": {"row": row, "hash": hash_at(log, row), "signed": signed, "asked": None},
    } | changes  # fmt: skip


def camera_of(number: int, made_ms: int) -> dict[str, Any]:
    return {
        "id": str(UUID(int=number + 1)),
        "state": "online",
        "since": rfc3339(made_ms - 3_600_000),
        "cause": None,
        "enabled": True,
        "recording": True,
        "written_age": 2,
        "coverage": 0.9991,
    }


@dataclass
class Box:
    """One site of the server, `like` something; `asked` counts its requests."""

    name: str
    like: str
    key: BoxKey = field(default_factory=lambda: BoxKey(Ed25519PrivateKey.generate()))
    asked: int = 0

    def answer(self, now_ms: int, audit_row: int | None) -> dict[str, Any]:
        make = DOCUMENTS.get(self.like, honest)
        return make(self, now_ms, audit_row)

    def status(self, now_ms: int, audit_row: int | None, **changes: Any) -> dict[str, Any]:
        status = status_of(self.key, now_ms, row=1000 + self.asked, log=self.name, **changes)
        asked = None if audit_row is None else {"row": audit_row, "hash": hash_at(self.name, audit_row)}
        return {**status, "audit": {**status["audit"], "asked": asked}}


def honest(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    return signed_by(box.key, box.status(now_ms, row))


def lying(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """Somebody has made the figures better after they were signed."""
    answer = signed_by(box.key, box.status(now_ms, row, safe_mode=True))
    answer["status"]["safe_mode"] = False
    return answer


def forged(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """Signed by somebody who says they are this box."""
    answer = honest(box, now_ms, row)
    answer["signature"]["signature"] = BoxKey(Ed25519PrivateKey.generate()).sign(b"x").hex()
    return answer


def replaced(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """Another box in the place of the one that was there at first."""
    if box.asked > 1:
        box = Box(box.name, box.like, asked=box.asked)
    return honest(box, now_ms, row)


def replayed(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """What was said before is said again: genuine once, and old."""
    made_ms = now_ms if box.asked == 1 else now_ms - 60_000
    return signed_by(box.key, box.status(made_ms, row))


def gone_back(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    status = status_of(box.key, now_ms, row=1000 if box.asked == 1 else 900, log=box.name)
    return signed_by(box.key, status)


def forked(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """Longer than before, and another one."""
    log = box.name if box.asked == 1 else f"{box.name} anew"
    status = status_of(box.key, now_ms, row=1000 + box.asked, log=log)
    asked = None if row is None else {"row": row, "hash": hash_at(log, row)}
    return signed_by(box.key, {**status, "audit": {**status["audit"], "asked": asked}})


def unproven(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """Longer than before, without a word about the row that was asked for."""
    return signed_by(box.key, box.status(now_ms, None))


def old(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    return signed_by(box.key, box.status(now_ms - 86_400_000, row))


def hostile(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    """A box that was broken into, and signs what it likes."""
    return signed_by(box.key, box.status(now_ms, row, version=HOSTILE))


def troubled(box: Box, now_ms: int, row: int | None) -> dict[str, Any]:
    status = box.status(now_ms, row)
    counts = status["counts"] | {"online": CAMERAS - 2, "offline": 2, "recording": CAMERAS - 2, "unrecorded": 2}
    promise = {"promised_days": 15, "holds_days": 11.4, "breaks_at": rfc3339(now_ms - 1), "protected_bytes": 10**11}
    coverage = status["coverage"] | {"worst": 0.734}
    lost = {"state": "offline", "cause": "host_unreachable", "recording": False, "coverage": 0.734}
    cameras = [one | lost for one in status["cameras"][:2]] + status["cameras"][2:]
    changed = {"counts": counts, "promise": promise, "coverage": coverage, "cameras": cameras}
    return signed_by(box.key, status | changed)


DOCUMENTS: dict[str, Callable[[Box, int, int | None], dict[str, Any]]] = {
    "lying": lying,
    "forged": forged,
    "replaced": replaced,
    "replayed": replayed,
    "gone_back": gone_back,
    "forked": forked,
    "unproven": unproven,
    "old": old,
    "hostile": hostile,
    "troubled": troubled,
}
ODD: dict[str, tuple[int, dict[str, str], bytes]] = {
    "redirecting": (302, {"Location": "https://198.51.100.1/api/v1/status"}, b""),
    "refusing": (401, {}, b"{}"),
    "broken": (500, {}, b"\x1b[31mstack trace"),
    "garbage": (200, {}, b"\x00\xff not JSON"),
    "deep": (200, {}, b"[" * 60_000),
    "bomb": (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(200_000_000), 9)),
    "truncated_gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"status":' + bytes(3000))[:40]),
}
LIKES = ("honest", *DOCUMENTS, *ODD, "slow", "drip", "huge", "dead")


class Server:
    """Start it with `async with`; it listens at a free port of loopback."""

    def __init__(self, folder: Path, likes: Mapping[str, int]) -> None:
        self.folder = folder
        self.boxes = {
            f"{like}-{number}": Box(f"{like}-{number}", like) for like, many in likes.items() for number in range(many)
        }
        self.port = 0
        self._clock = SystemClock()
        self._made: dict[str, tuple[int, bytes]] = {}

    async def run(self, listening: Callable[[], None]) -> None:
        context = self._context()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._write_sites()
        listening()
        async with server:
            await server.serve_forever()

    def _context(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = Subject(("localhost",), (ip_address("127.0.0.1"),))
        certificate = make_certificate(key, subject, self._clock.wall_ms())
        (self.folder / "sites.pem").write_bytes(certificate)
        (self.folder / "key.pem").write_bytes(pem_of_key(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "sites.pem", self.folder / "key.pem")
        return context

    def _write_sites(self) -> None:
        (self.folder / "central.token").write_text(TOKEN)
        (self.folder / "central.token").chmod(0o600)
        lines = ["[defaults]", 'ca = "sites.pem"', 'token_file = "central.token"', "timeout_s = 2", ""]
        for box in self.boxes.values():
            port = 1 if box.like == "dead" else self.port
            lines += ["[[site]]", f'name = "{box.name}"', f'url = "https://127.0.0.1:{port}/{box.name}"', ""]
        (self.folder / "sites.toml").write_text("\n".join(lines))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            target = urlsplit(head.split(" ", 2)[1])
            box = self.boxes[target.path.strip("/").removesuffix("/api/v1/status")]
            row = parse_qs(target.query).get("audit_row")
            if f"Authorization: Bearer {TOKEN}" in head:
                await self._answer(box, int(row[0]) if row else None, writer)
        except (ConnectionError, asyncio.IncompleteReadError, KeyError):
            pass
        finally:
            writer.close()

    async def _answer(self, box: Box, row: int | None, writer: asyncio.StreamWriter) -> None:
        box.asked += 1
        if box.like == "slow":
            await asyncio.sleep(20)
        if box.like in ODD:
            status, headers, body = ODD[box.like]
            writer.write(_head(status, len(body), headers) + body)
        elif box.like == "huge":
            writer.write(_head(200, 10**9))
            for _ in range(1000):
                writer.write(b'{"status":' + b" " * 10**6)
                await writer.drain()
        else:
            body = json.dumps(box.answer(self._clock.wall_ms(), row)).encode()
            zipped = gzip.compress(body, 1)
            head = _head(200, len(zipped), {"Content-Encoding": "gzip"})
            await self._drip(head + zipped, writer) if box.like == "drip" else writer.write(head + zipped)
        await writer.drain()

    async def _drip(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)


def _head(status: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} \x1b[1mOK", "Content-Type: application/json", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", action="append", default=[], metavar="KIND=NUMBER")
    asked = parser.parse_args()
    likes = {kind: int(number) for kind, _, number in (one.partition("=") for one in asked.like)}
    server = Server(asked.folder, likes or dict.fromkeys(LIKES, 1))

    def say() -> None:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()

    asyncio.run(server.run(say))


if __name__ == "__main__":
    main()
