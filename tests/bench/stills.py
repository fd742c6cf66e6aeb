"""CPU of one still: the warm decoding process against an `ffmpeg` process per picture."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from vmsd.video import fmp4
from vmsd.video.worker import Worker

_OURS, _PEERS = 60, 8  # pictures measured
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_FIGURES = (("1080p", "1920x1080", 4000, 640, 0.15), ("substream", "352x240", 300, 352, 0.05))


def _record(ffmpeg: str, path: Path, size: str, bitrate_k: int) -> None:
    """Two seconds of a busy, noisy picture with two keyframes, encoded as cameras encode."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=15:duration=2", "-vf", "noise=alls=5:allf=t"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "15", "-b:v", f"{bitrate_k}k"]
    layout = ["-pix_fmt", "yuv420p", "-movflags", "frag_keyframe+empty_moov+default_base_moof"]
    command = [ffmpeg, "-v", "error", "-nostdin", "-threads", "1", *source, *codec, *layout, "-y", str(path)]
    subprocess.run(command, check=True, timeout=30)


def _cpu_ms(pid: int) -> float:
    """User and system time of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def _own_cpu_ms() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return (usage.ru_utime + usage.ru_stime) * 1000


async def _ours(path: Path, width: int) -> float:
    """Finding, reading, sending, decoding, scaling and encoding, in both processes."""
    worker = Worker()
    try:
        await _still(worker, path, width)  # warm
        pid = worker.pid
        if pid is None:
            raise RuntimeError("the decoding process is not there")
        begun = _own_cpu_ms() + _cpu_ms(pid)
        for _ in range(_OURS):
            await _still(worker, path, width)
        return (_own_cpu_ms() + _cpu_ms(pid) - begun) / _OURS
    finally:
        await worker.close()


async def _still(worker: Worker, path: Path, width: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        header = fmp4.read_header(file)
        sample = fmp4.scan(file, header).fragments[-1].keyframes[-1]
        keyframe = fmp4.read_keyframe(file, header, sample)
    return (await worker.jpeg(keyframe, width)).jpeg


def _peer(ffmpeg: str, path: Path, width: int) -> float:
    """With the flags that make it quick: the first keyframe, little probing, one thread."""
    quick = [
        "-threads",
        "1",
        "-skip_frame",
        "nokey",
        "-probesize",
        "500k",
        "-analyzeduration",
        "0",
        "-ss",
        "1",
    ]
    command = [ffmpeg, "-v", "error", "-nostdin", *quick, "-i", str(path), "-frames:v", "1"]
    command += ["-vf", f"scale={width}:-2", "-f", "mjpeg", "pipe:1"]
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(_PEERS):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=10)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
    return spent_s * 1000 / _PEERS


def run() -> list[dict[str, Any]]:
    """One row per figure; empty without an `ffmpeg` to compare with."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size, bitrate_k, still_width, goal in _FIGURES:
            path = Path(folder) / f"{name}.mp4"
            _record(ffmpeg, path, size, bitrate_k)
            ours, peer = asyncio.run(_ours(path, still_width)), _peer(ffmpeg, path, still_width)
            rows.append({
                "figure": f"cpu per still {name}",
                "vmsd": round(ours, 2),
                "peer": round(peer, 2),
                "ratio": round(ours / peer, 3),
                "goal": goal,
                "unit": "CPU ms",
                "peer_name": "ffmpeg process",
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        for row in run():
            print(row)
