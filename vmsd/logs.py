"""Structured logs on standard output, one JSON line each, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

MOST_CHARACTERS = 8_000
"""Of one text in the log; what is longer tells nothing more."""
SECRET_WORD = "pass|pwd|psw|token|key|secret|auth|jwt|sig|cred|cookie"  # noqa: S105 - words that name secrets
SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:pass\w*|pwd|psw|tokens?|keys?|secrets?|auth|authorization|jwt|sig|signature|cred\w*|cookies?)$",
    re.IGNORECASE,
)
_NAMED = rf"[a-z0-9_.-]{{0,40}}(?:{SECRET_WORD})[a-z0-9_.-]{{0,40}}"
_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s\"'<>]*@"), r"\1***@"),
    (re.compile(rf"(?i)([?&;/_](?:{_NAMED}|user|login)=)[^&;\s\"'<>]+"), r"\1***"),
    (re.compile(rf"(?i)(\b{_NAMED}\\?['\"]?\s?[:=]\s?\\?)(['\"])(?:(?!\\?\2).)*"), r"\1\2***"),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[a-z0-9+/=._~-]{8,}"), r"\1 ***"),
    (re.compile(r"\b(vmsdw?_)[A-Za-z0-9_-]{16,}"), r"\1***"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/_-]{16,}=*"), "whsec_***"),
)
"""What secrets look like inside a text: in an address, in its query, after their name, in a header, our own."""


def set_up_logs(level: str, output: TextIO = sys.stdout) -> None:
    """Once, at the start of the program; everything aiohttp and asyncio say goes the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        ),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(output),
    )
    handler = logging.StreamHandler(output)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer()
    )
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    sys.excepthook = log_the_end


def log_the_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last words of a program that ends by a bug are no less discreet than the others."""
    if not issubclass(kind, KeyboardInterrupt):
        structlog.get_logger().error("program.failed", exc_info=(kind, error, trace))


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No text keeps a secret it spells out, and no key that names a secret keeps its value.

    Keys with a leading underscore are structlog's own and are not written.
    """
    return {key: value if key.startswith("_") else _of_key(key, value) for key, value in event.items()}


def _of_key(key: object, value: Any) -> Any:
    secret = isinstance(value, str | bytes) and SECRET_KEY.search(str(key))
    return "***" if secret and value else clean(value)


def clean(value: Any) -> Any:
    """As it may be written: texts without their secrets, whatever they are nested in."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {clean(str(key)): _of_key(key, one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(one) for one in value]
    return _clean_text(repr(value))


def _clean_text(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}... ({len(text)} characters)"
    for mark, instead in _MARKS:
        text = mark.sub(instead, text)
    return text
