"""The text of a file that somebody wrote with whatever program was at hand."""

from __future__ import annotations

import codecs


def decoded(raw: bytes) -> str | None:
    """UTF-8, with or without a mark, UTF-16 with one, or what old programs on Windows write; None for no text.

    Its lines end with a line feed alone.
    """
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = raw.decode("utf-16", "replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
    if "\0" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
