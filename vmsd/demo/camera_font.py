"""A small bitmap font of our own: capitals, digits, signs and the accents of Portuguese."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

GLYPH_WIDTH = 6  # five dots and a gap
GLYPH_HEIGHT = 9  # two rows for an accent, seven for the letter

BLACK = 16
WHITE = 235

# Seven rows of five dots each, one row per two hexadecimal digits.
_LETTERS = {
    " ": "00000000000000", "!": "04040404040004", "#": "0a0a1f0a1f0a0a", "%": "18190204081303",
    "&": "0c12140815120d", "'": "04040800000000", "(": "02040808080402", ")": "08040202020408",
    "+": "0004041f040400", ",": "00000000060408", "-": "0000001f000000", ".": "000000000c0c00",
    "/": "00010204081000", ":": "000c0c000c0c00", "=": "00001f001f0000", "?": "0e110102040004",
    "@": "0e11171517100e", "_": "0000000000001f",
    "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010204081f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808",
    "8": "0e11110e11110e", "9": "0e11110f01020c",
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1c12111111121c",
    "E": "1f10101e10101f", "F": "1f10101e101010", "G": "0e11101713110f", "H": "1111111f111111",
    "I": "0e04040404040e", "J": "0702020202120c", "K": "11121418141211", "L": "1010101010101f",
    "M": "111b1515111111", "N": "11191513111111", "O": "0e11111111110e", "P": "1e11111e101010",
    "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11", "X": "11110a040a1111",
    "Y": "11110a04040404", "Z": "1f01020408101f",
}  # fmt: skip

# Two rows above the letter, except the cedilla, which takes the letter's last row.
_ACCENTS = {"\u0301": "0204", "\u0300": "0804", "\u0302": "040a", "\u0303": "0916", "\u0308": "0a00"}
_CEDILLA = "\u0327"


@lru_cache(maxsize=512)
def _dots(cluster: str) -> tuple[int, ...]:
    """Nine rows of five bits for one letter with its combining marks."""
    base = bytearray(bytes.fromhex(_LETTERS.get(cluster[0], _LETTERS["?"])))
    head = bytes(2)
    for mark in cluster[1:]:
        head = bytes.fromhex(_ACCENTS[mark]) if mark in _ACCENTS else head
        if mark == _CEDILLA:
            base[-1] = 0x0C
    return (*head, *base)


@lru_cache(maxsize=512)
def _rows(cluster: str, scale: int) -> tuple[bytes, ...]:
    """Nine rows of luma, already `scale` dots wide per dot of the font."""
    on, off = bytes([WHITE]) * scale, bytes([BLACK]) * scale
    return tuple(b"".join(on if row >> bit & 1 else off for bit in (4, 3, 2, 1, 0)) + off for row in _dots(cluster))


def _clusters(text: str) -> list[str]:
    clusters: list[str] = []
    for letter in unicodedata.normalize("NFD", text.upper()):
        if clusters and unicodedata.combining(letter):
            clusters[-1] += letter
        else:
            clusters.append(letter)
    return clusters


def render(text: str, scale: int, longest: int) -> list[bytes]:
    """Nine rows of luma for at most `longest` letters; every row stands for `scale` picture rows."""
    glyphs = [_rows(cluster, scale) for cluster in _clusters(text)[:longest]]
    return [b"".join(rows) for rows in zip(*glyphs, strict=True)]
