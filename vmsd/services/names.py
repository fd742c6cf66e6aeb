"""The names people give: one spelling each, and nothing in them that a screen would not show."""

from __future__ import annotations

import re
import unicodedata

from vmsd.errors import FieldProblem, Invalid

NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+$"
"""No controls, and none of the invisible characters that make one name look like another or turn it around."""
MOST_CHARS = 100
_NAME = re.compile(NAME_PATTERN)


def clean_name(text: str, pointer: str = "/name") -> str:
    """The name as it is stored; `Invalid`, naming `pointer`, for what is none."""
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > MOST_CHARS or not _NAME.match(name):
        detail = f"a name has 1 to {MOST_CHARS} characters, all of them printable"
        raise Invalid("the name was refused", FieldProblem(pointer, detail))
    return name
