"""The verifier on a whole package, against sha256sum reading the same bytes."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.verifier.package_box import Made, encoded, make_package, signature_of
from vmsd.verifier import verificar

BYTES = int(float(os.environ.get("VMSD_BENCH_PACKAGE_GB", "1")) * 1e9)
FILES = 10
RUNS = 3
MEMORY = "import re, sys; sys.path.insert(0, sys.argv[2]); from vmsd.verifier import verificar; \
verificar.verify(sys.argv[1]); print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
"""Not `ru_maxrss`: a new process inherits that of the one that started it."""


def run() -> list[dict[str, Any]]:
    """The ratio is of times: 1 is as fast as reading and hashing once."""
    with tempfile.TemporaryDirectory(prefix="vmsd-bench-") as folder:
        small, large = Path(folder, "small.zip"), Path(folder, "large.zip")
        _write(small, BYTES // 100)
        _write(large, BYTES)
        mine, theirs = _times(large)
        memory, little = _memory(large), _memory(small)
    size = f"{BYTES / 1e9:g} GB"
    return [
        _row(f"verify a package of {size}", mine, theirs, 1.0, "s", "sha256sum of the same file"),
        _row(f"memory for {size}", memory, little, 1.1, "MiB", "a hundredth of it"),
    ]


def _row(figure: str, vmsd: float, peer: float, goal: float, unit: str, peer_name: str) -> dict[str, Any]:
    ratio = round(vmsd / peer, 3)
    return {
        "figure": figure, "vmsd": round(vmsd, 3), "peer": round(peer, 3), "ratio": ratio, "goal": goal, "unit": unit,
        "peer_name": peer_name,
    }  # fmt: skip


def _times(package: Path) -> tuple[float, float]:
    """Medians, taken in turns."""
    pairs = [(_timed(lambda: _verify(package)), _timed(lambda: _sha256sum(package))) for _ in range(RUNS)]
    mine, theirs = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(theirs)


def _timed(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _verify(package: Path) -> None:
    report = verificar.verify(str(package))
    if not report.ok:
        raise RuntimeError(f"the package of the benchmark is refused: {report.findings[:3]}")


def _sha256sum(package: Path) -> None:
    subprocess.run(["sha256sum", str(package)], check=True, stdout=subprocess.DEVNULL)


def _memory(package: Path) -> float:
    """The most a process of its own needs, in MiB."""
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(package), root], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _write(package: Path, size: int) -> None:
    """As the box writes it: headers and contents in one go; the large originals all hold the same noise."""
    made = make_package(1)
    block = os.urandom(1 << 20)
    blocks = max(1, size // FILES // len(block))
    digest, crc = hashlib.sha256(), 0
    for _ in range(blocks):
        digest.update(block)
        crc = zlib.crc32(block, crc)
    segments = _segments(made, blocks * len(block), digest.hexdigest())
    key = made.key
    manifest = encoded(made.manifest)
    signature = encoded(signature_of(key, manifest) | {"signed": "manifest.json"})
    small = {"manifest.json": manifest, "signature.json": signature, **made.files}
    entries = [(name, len(data), zlib.crc32(data)) for name, data in small.items()]
    entries += [(name, blocks * len(block), crc) for name in segments]
    with package.open("wb") as file:
        for entry in entries:
            file.write(verificar.local_header(*entry))
            if entry[0] in small:
                file.write(small[entry[0]])
            else:
                for _ in range(blocks):
                    file.write(block)
        file.write(verificar.central_directory(entries))


def _segments(made: Made, size: int, digest: str) -> list[str]:
    """The names of the large originals; they are in the manifest now."""
    camera = made.manifest["cameras"][0]
    path = "original/large/{}.mp4"
    names = [path.format(number) for number in range(FILES)]
    like = next(one for other in make_package(3).manifest["cameras"] for one in other["segments"])
    alike = like | {"bytes": size, "sha256": digest, "altered": False}
    camera["segments"] += [alike | {"path": name} for name in names]
    made.manifest["files"] += [{"path": name, "bytes": size, "sha256": digest, "what": "original"} for name in names]
    return names
