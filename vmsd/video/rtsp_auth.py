"""Answers the challenges of cameras: Digest by SHA-256 or MD5 (RFC 7616, RFC 2617), Basic at last."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAIR = re.compile(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
_HASHES = {"SHA-256": "sha256", "MD5": "md5"}  # the best first


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def answer(challenges: Iterable[str], credentials: Credentials, method: str, target: str) -> str | None:
    """Value of `Authorization` for the strongest challenge; None when none is understood."""
    digests: dict[str, dict[str, str]] = {}
    basic = False
    for challenge in challenges:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            basic = True
        elif kind.lower() == "digest":
            fields = {key.lower(): quoted or bare for key, quoted, bare in _PAIR.findall(rest)}
            digests[fields.get("algorithm", "MD5").upper()] = fields
    for algorithm, name in _HASHES.items():
        if algorithm in digests:
            return _digest(digests[algorithm], name, credentials, method, target)
    if basic:
        pair = f"{credentials.username}:{credentials.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()
    return None


def _digest(fields: dict[str, str], name: str, credentials: Credentials, method: str, target: str) -> str:
    realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
    secret = _hash(name, f"{credentials.username}:{realm}:{credentials.password}")
    asked = _hash(name, f"{method}:{target}")
    parts = {"username": credentials.username, "realm": realm, "nonce": nonce, "uri": target}
    tail = ""
    if "auth" in re.split(r"[\s,]+", fields.get("qop", "")):
        own = secrets.token_hex(8)
        parts |= {"cnonce": own, "response": _hash(name, f"{secret}:{nonce}:00000001:{own}:auth:{asked}")}
        tail = ", qop=auth, nc=00000001"
    else:
        parts["response"] = _hash(name, f"{secret}:{nonce}:{asked}")
    parts |= {key: fields[key] for key in ("opaque",) if key in fields}
    tail += f", algorithm={fields['algorithm']}" if "algorithm" in fields else ""
    return "Digest " + ", ".join(f'{key}="{_quote(value)}"' for key, value in parts.items()) + tail


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hash(name: str, text: str) -> str:
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
