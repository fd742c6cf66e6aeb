"""What recorded files and live playlists really hold, read independently of the index."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.site import Site
from vmsd.model.segment import segment_file_name, segment_start_us
from vmsd.video.fmp4 import read_header, scan

SEQUENCE = re.compile(r"#EXT-X-MEDIA-SEQUENCE:(\d+)")


@dataclass(frozen=True)
class Span:
    """A stretch of wall time in ms that is on the disk, whole."""

    start_ms: float
    end_ms: float

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


def spans_of(files: Iterable[Path]) -> list[Span]:
    """Each file's whole fragments, as one span from the wall time its writer put into it."""
    found = []
    for path in sorted(files):
        with path.open("rb", buffering=0) as video:
            if not path.stat().st_size:
                continue
            header = read_header(video)
            fragments = scan(video, header, header.header_bytes).fragments
        start_us = header.mtxi.ntp_ns / 1000 if header.mtxi else segment_start_us(path.name)
        assert start_us is not None, path
        if fragments:
            start_ms = start_us / 1000
            found.append(Span(start_ms, start_ms + fragments[-1].start_ms + fragments[-1].duration_ms))
    return found


def gaps_s(spans: Iterable[Span]) -> list[float]:
    """Seconds between the end of each span and the beginning of the next."""
    listed = list(spans)
    return [(after.start_ms - before.end_ms) / 1000 for before, after in itertools.pairwise(listed)]


def backdate(file: Path, days: float, now_s: float) -> Path:
    """A copy of a whole segment under the name it would have had `days` before `now_s`."""
    copy = file.with_name(segment_file_name(round((now_s - days * 86_400) * 1_000_000)))
    shutil.copyfile(file, copy)
    return copy


async def ffprobe(file: Path) -> list[str]:
    """Codecs of the streams in a file, as an independent reader sees them; it must find no error."""
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors
    return out.decode().split()


async def live_sequence(site: Site, camera_id: str) -> int | None:
    """Number of the newest live segment; None while there is no playlist."""
    status, text = await site.ask("GET", f"/hls/stream_{camera_id}/index.m3u8")
    names = re.findall(r"^\S+\.m3u8\S*$", text.decode(), re.MULTILINE) if status == 200 else []
    if not names:
        return None
    status, text = await site.ask("GET", f"/hls/stream_{camera_id}/{names[0]}")
    found = SEQUENCE.search(text.decode()) if status == 200 else None
    return int(found[1]) + text.decode().count("#EXTINF") if found else None
