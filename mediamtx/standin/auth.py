"""Who may do what: the internal users of the configuration."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error

_PATH_ACTIONS = frozenset({"publish", "read", "playback"})
_MAX_DELAY_S = 4.0


class DeniedError(Exception):
    """The caller may not; `ask` when it gave no credentials at all and should be asked for them."""

    def __init__(self, *, ask: bool) -> None:
        super().__init__("authentication error")
        self.ask = ask


@dataclass(frozen=True)
class Credentials:
    user: str = ""
    password: str = ""


def read_credentials(header: str) -> Credentials:
    """From an Authorization header: Basic, or Bearer with `user:pass`."""
    if header.startswith("Bearer "):
        user, colon, password = header.removeprefix("Bearer ").partition(":")
        return Credentials(user, password) if colon and ":" not in password else Credentials()
    if header[:6].lower() == "basic ":
        try:
            text = base64.b64decode(header[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return Credentials()
        user, _, password = text.partition(":")
        return Credentials(user, password)
    return Credentials()


class Auth:
    """The users in force; `users` may be replaced at any time."""

    def __init__(self, users: list[dict[str, Any]]) -> None:
        self.users = users

    async def check(self, action: str, path: str, client: str, given: Credentials) -> str:
        """Return the user's name; refusing given credentials takes a random while, as a brake on guessing."""
        if any(_matches(user, action, path, client, given) for user in self.users):
            return given.user
        ask = not given.user and not given.password
        if not ask:
            await asyncio.sleep(random.uniform(0, _MAX_DELAY_S))  # noqa: S311  a brake, not a secret
        raise DeniedError(ask=ask)


def _matches(user: dict[str, Any], action: str, path: str, client: str, given: Credentials) -> bool:
    if user["ips"] and not any(ip_address(client) in ip_network(net) for net in user["ips"]):
        return False
    if not any(_permits(permission, action, path) for permission in user["permissions"]):
        return False
    if user["user"] == "any":
        return True
    return _equals(user["user"], given.user) and _equals(user["pass"], given.password)


def _permits(permission: dict[str, str], action: str, path: str) -> bool:
    if permission["action"] != action:
        return False
    pattern = permission["path"]
    if action not in _PATH_ACTIONS or not pattern:
        return True
    if not pattern.startswith("~"):
        return pattern == path
    try:
        return re.search(pattern[1:], path) is not None
    except re.error:
        return False


def _equals(credential: str, guess: str) -> bool:
    """Compare; an empty credential accepts everything, as the real server's does."""
    if credential.startswith("sha256:"):
        digest = base64.b64encode(hashlib.sha256(guess.encode()).digest()).decode()
        return hmac.compare_digest(credential.removeprefix("sha256:"), digest)
    if credential.startswith("argon2:"):
        try:
            return PasswordHasher().verify(credential.removeprefix("argon2:"), guess)
        except Argon2Error:
            return False
    return not credential or hmac.compare_digest(credential.encode(), guess.encode())
