"""What can go wrong, in the words of the domain; no HTTP, no SQL."""

from __future__ import annotations

from dataclasses import dataclass


class VmsdError(Exception):
    """The root of every error vmsd raises on purpose; its text may be shown to a caller."""


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field: `pointer` is a JSON pointer such as `/source_url`."""

    pointer: str
    detail: str


class NotFound(VmsdError):
    """There is no such thing, or it belongs to another city: the caller cannot tell which."""


class NoPicture(NotFound):
    """There is no picture to show; `cause` is one of the causes of `model.state`."""

    def __init__(self, detail: str, cause: str) -> None:
        super().__init__(detail)
        self.cause = cause


class Invalid(VmsdError):
    """The request was understood and cannot be accepted; `problems` says why, field by field."""

    def __init__(self, detail: str, *problems: FieldProblem) -> None:
        super().__init__(detail)
        self.problems = problems


class Malformed(VmsdError):
    """The request could not be read at all."""


class NotLoggedIn(VmsdError):
    """Nobody is calling, or with an account, session or token that does not count (any more).

    `cause` is a word for a program that can do something about it.
    """

    def __init__(self, detail: str, cause: str | None = None) -> None:
        super().__init__(detail)
        self.cause = cause


class NotAllowed(VmsdError):
    """The caller is known and may not do this; `cause` is a word for a program that can do something about it."""

    def __init__(self, detail: str, cause: str | None = None) -> None:
        super().__init__(detail)
        self.cause = cause


class Conflict(VmsdError):
    """It clashes with something that exists already."""


class StillRunning(Conflict):
    """The very same thing is being done just now; ask again after `retry_after_s` seconds."""

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Outdated(VmsdError):
    """The change was meant for a version of the thing that is no longer the present one."""


class TooMany(VmsdError):
    """A limit was reached; try again after `retry_after_s` seconds."""

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooLarge(VmsdError):
    """The body or answer is over its limit."""


class TooSlow(VmsdError):
    """The caller took too long to send its request."""


class StorageFull(VmsdError):
    """There is no room to write this."""


class MediaServerAway(VmsdError):
    """MediaMTX does not answer, answers nonsense, or answers too late.

    `refused` is true only when nobody listens at its address: then it surely is not there.
    """

    def __init__(self, detail: str, *, refused: bool = False) -> None:
        super().__init__(detail)
        self.refused = refused


class SourceFailed(VmsdError):
    """A video source could not be opened or read; `cause` is one of the causes of `model.state`."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause


class BadMedia(VmsdError):
    """Bytes that should be video are not."""


class DecoderLost(BadMedia):
    """The process that decodes ended or took too long: the bytes may be to blame, or the box."""


class BadSetting(VmsdError):
    """The daemon refuses to start; the text names the field. Exit code 78."""
