"""The decoding process: reads requests on standard input, answers on standard output, owns nothing else."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import av
import av.logging

from vmsd.clock import SystemClock
from vmsd.errors import BadMedia, SourceFailed
from vmsd.video import frames
from vmsd.video.frames import Message
from vmsd.video.probe import probe
from vmsd.video.sprites import make_sheet, make_tile
from vmsd.video.still import make_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_MEMORY_BYTES = 2 << 30
_MOST_OPEN_FILES = 64
_MOST_CPU_S = 20  # of one request


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_OPEN_FILES, _MOST_OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(av.logging.PANIC)


def _grant_cpu() -> None:
    """Allow the next request its share: the limit counts from the start of the process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = int(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (spent_s + _MOST_CPU_S, resource.RLIM_INFINITY))


def _jpeg(head: dict[str, Any], blobs: tuple[bytes, ...]) -> Message:
    extradata, data = blobs
    jpeg, grid, facts = make_jpeg(head["codec"], extradata, data, head["width"])
    return Message(facts, (jpeg, grid))


def _probe(head: dict[str, Any], _: tuple[bytes, ...]) -> Message:
    return Message(asdict(probe(head["url"], head["deadline_s"], SystemClock())))


def _tile(head: dict[str, Any], blobs: tuple[bytes, ...]) -> Message:
    extradata, data = blobs
    size = (head["width"], head["height"]) if head["width"] else None
    pixels, (width, height) = make_tile(head["codec"], extradata, data, size)
    return Message({"width": width, "height": height}, (pixels,))


def _sheet(head: dict[str, Any], blobs: tuple[bytes, ...]) -> Message:
    return Message({}, (make_sheet(blobs[0], head["width"], head["height"]),))


_OPS: dict[str, Callable[[dict[str, Any], tuple[bytes, ...]], Message]] = {
    "jpeg": _jpeg,
    "probe": _probe,
    "tile": _tile,
    "sheet": _sheet,
}


def _answer(request: Message) -> Message:
    try:
        return _OPS[request.head["op"]](request.head, request.blobs)
    except SourceFailed as failed:
        return Message({"cause": failed.cause, "detail": str(failed)})
    except BadMedia as bad:
        return Message({"error": str(bad)})
    except (av.FFmpegError, ValueError, MemoryError) as unreadable:
        return Message({"error": f"the bytes cannot be decoded ({type(unreadable).__name__})"})


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until the daemon closes the pipe."""
    while request := frames.read(source):
        _grant_cpu()
        sink.write(_answer(request).encode())
        sink.flush()


def main() -> None:
    _confine()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
