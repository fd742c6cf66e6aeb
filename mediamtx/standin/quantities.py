"""Durations and sizes as the configuration writes them."""

import re

NS_PER_S = 1_000_000_000
_DAY_S = 86_400
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_RE = re.compile(r"(?:(?P<days>-?\d+)d)?(?P<rest>(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))*)")
_PIECE_RE = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_SIZE_RE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|K|KB|KIB|M|MB|MIB|G|GB|GIB|T|TB|TIB)", re.IGNORECASE)
_SIZE_POWERS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_duration(text: str) -> float:
    """Seconds of a text such as `1d`, `30m` or `1h0m0s`; the empty text is zero."""
    match = _DURATION_RE.fullmatch(text.removeprefix("-"))
    if match is None:
        raise ValueError(f'time: invalid duration "{text}"')
    total = int(match["days"] or 0) * _DAY_S
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PIECE_RE.findall(match["rest"]))
    return -(total + seconds) if text.startswith("-") else total + seconds


def format_duration(seconds: float) -> str:
    """Write it as the control API does: `1h0m0s`, `200ms`, `1d`, and nothing at all for zero."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    days, rest = divmod(round(seconds * NS_PER_S), _DAY_S * NS_PER_S)
    return (f"{days}d" if days else "") + (_format_clock(rest) if rest else "")


def _format_clock(ns: int) -> str:
    if ns < NS_PER_S:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if ns >= size:
                return f"{ns / size:.9g}{unit}"
    minutes, rest = divmod(ns, 60 * NS_PER_S)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / NS_PER_S:.12g}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def parse_size(text: str) -> int:
    match = _SIZE_RE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "byte quantity must be a positive integer with a unit of measurement like M, MB, MiB, G, GiB, or GB"
        )
    return int(float(match[1]) * 1024 ** _SIZE_POWERS[match[2][0].upper()])


def format_size(size_bytes: int) -> str:
    for unit in "TGMK":
        scale = 1024 ** _SIZE_POWERS[unit]
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f}".removesuffix(".0") + unit
    return f"{size_bytes}B" if size_bytes else "0"
