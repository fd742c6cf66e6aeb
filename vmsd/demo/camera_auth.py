"""Who may look: Basic and Digest (RFC 2617 and RFC 7616) as cameras check them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Literal

Scheme = Literal["basic", "md5", "sha-256"]
_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]*))')
_REALM = "camera"


class Gate:
    """Checks one connection; without a user name everybody passes."""

    def __init__(self, username: str | None, password: str | None, schemes: tuple[Scheme, ...]) -> None:
        self._username, self._password, self._schemes = username, password or "", schemes
        self._nonce = secrets.token_hex(16)

    def challenges(self) -> list[str]:
        """One value of WWW-Authenticate per scheme."""
        realm = f'realm="{_REALM}"'
        digest = f'Digest {realm}, nonce="{self._nonce}", algorithm='
        return [f"Basic {realm}" if scheme == "basic" else digest + scheme.upper() for scheme in self._schemes]

    def admits(self, method: str, authorization: str) -> bool:
        if self._username is None:
            return True
        kind, _, rest = authorization.partition(" ")
        if kind.lower() == "basic" and "basic" in self._schemes:
            return self._basic(rest)
        return kind.lower() == "digest" and self._digest(method, rest)

    def _basic(self, encoded: str) -> bool:
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(given, f"{self._username}:{self._password}".encode())

    def _digest(self, method: str, text: str) -> bool:
        given = {key.lower(): quoted or bare for key, quoted, bare in _PAIR.findall(text)}
        algorithm = given.get("algorithm", "md5").lower()
        if algorithm not in self._schemes or given.get("nonce") != self._nonce:
            return False
        name = "md5" if algorithm == "md5" else "sha256"
        secret = _hash(name, f"{self._username}:{_REALM}:{self._password}")
        target = _hash(name, f"{method}:{given.get('uri', '')}")
        answer = _hash(name, f"{secret}:{self._nonce}:{target}")
        known = given.get("username") == self._username
        return known and hmac.compare_digest(answer, given.get("response", "").lower())


def _hash(name: str, text: str) -> str:
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
