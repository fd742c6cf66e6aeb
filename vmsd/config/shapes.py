"""Kinds of value that more than one section takes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

GIB = 1024**3
MIB = 1024**2

Port = Annotated[int, Field(ge=1, le=65535)]
Ratio = Annotated[float, Field(gt=0, lt=1)]
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_AGE = re.compile(f"age1([{_BECH32}]{{58}})")
_ORIGIN = re.compile(r"(https?)://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_USUAL_PORT = {"http": ":80", "https": ":443"}


def _origin(text: str) -> str:
    """Another site, written as browsers write it: small letters, no port where it is the usual one."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[2] or 1) > 65535:  # noqa: PLR2004 - the last port
        raise ValueError("must be http:// or https:// and one host, at most with a port: no path, no pattern")
    return match[0].removesuffix(_USUAL_PORT[match[1]])


def check_age_recipient(text: str) -> None:
    """Raises ValueError unless it is the public half of an age key, without a slip of the hand (BIP 173)."""
    match = _AGE.fullmatch(text)
    if match is None or not _bech32_is_right("age", match[1]):
        raise ValueError("must be a recipient of age: age1 and 58 letters, as age-keygen writes it")


def _bech32_is_right(prefix: str, data: str) -> bool:
    expanded = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix]
    check = 1
    for value in (*expanded, *map(_BECH32.index, data)):
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, number in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= number if top >> bit & 1 else 0
    return check == 1


Origin = Annotated[str, Field(max_length=300), AfterValidator(_origin)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
