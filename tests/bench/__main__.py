"""Every benchmark: each figure beside its peer of the same run, as a table and as bench.json."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULES = (
    "hls",
    "quick",
    "stills",
    "index",
    "sweep",
    "integrity",
    "timeline",
    "replay",
    "alerts",
    "doors",
    "daemon",
    "verify",
    "export",
    "latency",
    "grid",
    "fleet",
)


def main(wanted: list[str]) -> None:
    sys.path[:0] = [str(ROOT), str(HERE)]
    rows: list[dict[str, Any]] = []
    for name in wanted or MODULES:
        began = time.monotonic()
        sys.stderr.write(f"{name} ...\n")
        rows += [{"bench": name} | row for row in importlib.import_module(name).run()]
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    (ROOT / "bench.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False), "utf-8")
    sys.stdout.write(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Columns as wide as their widest cell; `-` where a row has no such figure."""
    heads = ("figure", "vmsd", "peer", "ratio", "goal", "unit", "peer_name")
    cells = [heads, *(tuple(_cell(row.get(head)) for head in heads) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
