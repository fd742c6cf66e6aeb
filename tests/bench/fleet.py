"""One round of 200 sites by `vmsd fleet status`, against curl fetching the same documents and looking at none."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.fleet_sites import TOKEN

SITES = 200
PARALLEL = 64
RUNS = 5
TIMEOUT_S = 2
BAD = {"dead": 4, "slow": 4, "drip": 2, "lying": 4, "forged": 4, "huge": 2, "redirecting": 2, "broken": 2}
ROOT = Path(__file__).resolve().parents[2]


def run() -> list[dict[str, Any]]:
    """The ratio is of whole processes, from the shell's call to the last line: Python's own start is in it."""
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as name, sites(Path(name), {"honest": SITES}) as file:
        _once(_fleet(file))
        taken = [(_once(_fleet(file)), _once(_curl(file))) for _ in range(RUNS)]
    mine, peer = (
        [statistics.median(one[place] for one in side) for place in (0, 1)] for side in zip(*taken, strict=True)
    )
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as name, sites(Path(name), {"honest": 1}) as file:
        little = statistics.median(_once(_fleet(file))[1] for _ in range(RUNS))
    honest = SITES - sum(BAD.values())
    with (
        tempfile.TemporaryDirectory(prefix="vmsd-bench-") as name,
        sites(Path(name), {"honest": honest, **BAD}) as file,
    ):
        mixed = statistics.median(_once(_fleet(file))[0] for _ in range(RUNS))
    peer_name = f"curl --parallel-max {PARALLEL}, nothing checked"
    return [
        _row(f"a round of {SITES} sites", mine[0], peer[0], 6.0, "s", peer_name),
        _row("memory of it", mine[1], little, 2.0, "MiB", "a round of one site"),
        _row(f"the same, {sum(BAD.values())} of them bad", mixed, TIMEOUT_S, 3.0, "s", "the patience with one site"),
    ]


def _row(figure: str, vmsd: float, peer: float, goal: float, unit: str, peer_name: str) -> dict[str, Any]:
    return {
        "figure": figure, "vmsd": round(vmsd, 3), "peer": round(peer, 3), "ratio": round(vmsd / peer, 3), "goal": goal,
        "unit": unit, "peer_name": peer_name,
    }  # fmt: skip


@contextmanager
def sites(folder: Path, likes: dict[str, int]) -> Iterator[Path]:
    words = [f"--like={kind}={number}" for kind, number in likes.items()]
    command = [sys.executable, "-m", "tests.support.fleet_sites", str(folder), *words]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        if not server.stdout.readline().strip():
            raise RuntimeError("the sites did not start")
        yield folder / "sites.toml"
    finally:
        server.kill()
        server.wait()


def _fleet(file: Path) -> Sequence[str]:
    return [sys.executable, "-m", "vmsd", "fleet", "status", str(file), "--json"]


def _curl(file: Path) -> Sequence[str]:
    """The same requests: TLS with the same authority, the same token, gzip."""
    lines = ["parallel", f"parallel-max = {PARALLEL}", "silent", "compressed", f'cacert = "{file.parent}/sites.pem"']
    lines += ["no-keepalive", f'header = "Authorization: Bearer {TOKEN}"']
    for site in tomllib.loads(file.read_text())["site"]:
        lines += [f'url = "{site["url"]}/api/v1/status"', 'output = "/dev/null"']
    config = file.with_name("curl.conf")
    config.write_text("\n".join(lines))
    return ["curl", "--config", str(config)]


def _once(command: Sequence[str]) -> tuple[float, float]:
    """Seconds, and the most memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak_kb, status = 0, Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        with suppress(OSError, ProcessLookupError):
            lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
            peak_kb = max([peak_kb, *(int(line.split()[1]) for line in lines)])
        time.sleep(0.01)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - began, peak_kb / 1024


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(run(), indent=1) + "\n")
