"""What a machine wrote, in letters that can be printed and in Portuguese: names, times, sizes, causes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from vmsd.clock import parse_rfc3339

TEXT_CHARS = 2000
"""More of one text than this tells a reader nothing; it is cut with an ellipsis."""
UNPRINTABLE = "?"
NOTHING = "\u2014"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CAUSES = {
    "camera": "câmera sem sinal",
    "network": "falha de rede",
    "power": "falta de energia",
    "disk": "falha de disco",
    "breaker": "gravação suspensa por falta de espaço",
    "maintenance": "manutenção",
    "mediamtx": "falha do servidor de mídia",
    "purge": "apagado por prazo",
    "clock": "acerto do relógio",
    "switched_off": "gravação desligada por alguém",
    "unknown": "causa não comprovada",
}
DETAILS = {
    "host_unreachable": "não responde na rede",
    "address_refused": "endereço recusado",
    "port_closed": "porta fechada",
    "wrong_password": "senha recusada",
    "no_such_stream": "canal inexistente",
    "redirects": "desvia para outro endereço",
    "unsupported_codec": "formato de vídeo não suportado",
    "not_a_camera": "não responde como câmera",
    "timeout": "tempo de resposta esgotado",
    "tunnel_down": "túnel fora do ar",
    "unstable": "sinal instável",
    "mediamtx_away": "servidor de mídia parado",
    "no_data": "conectada, sem enviar imagem",
    "disabled": "desligada",
    "secret_unreadable": "senha ilegível no equipamento",
}
OUTAGES = {
    "power": "falta de energia",
    "daemon": "o serviço vmsd esteve parado",
    "mediamtx": "o servidor de mídia esteve parado",
    "breaker": "gravação suspensa por falta de espaço",
    "disk": "falha de disco",
    "clock": "acerto do relógio",
    "maintenance": "manutenção",
}
RULES = {
    "retention_plan": "prazo do plano da cidade",
    "retention_camera": "prazo próprio da câmera",
    "plan_changed": "mudança do prazo",
    "space": "falta de espaço em disco",
    "empty": "arquivo vazio, sem imagem",
    "vanished": "arquivo não encontrado no disco",
}
KEEPINGS = {
    "preserved": "preservado",
    "incident": "ocorrência",
    "hold": "requisição de autoridade",
    "export": "exportação em andamento",
}
CLOCKS = {
    "trusted": "confiável",
    "untrusted": "não confiável",
    "corrected": "corrigido depois",
    True: "confiável",
    False: "não confiável",
}
ROLES = {
    "SUPERADMIN": "superadministrador",
    "GESTOR": "gestor",
    "USER": "operador",
    "box": "o equipamento",
}
_SPACES = re.compile(r"\s+")


def clean(value: object, chars: int = TEXT_CHARS) -> str:
    """Any value as one line of the letters the document's fonts have; the others become a question mark."""
    text = unicodedata.normalize("NFC", "" if value is None else str(value)[: 4 * chars])
    visible = "".join(_printable(letter) for letter in text)
    text = _SPACES.sub(" ", visible).strip()
    return text if len(text) <= chars else f"{text[: chars - 1]}\u2026"


def _printable(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind in {"Cf", "Mn"}:
        return ""
    if kind[0] in "CZ":
        return " "
    if _has(letter):
        return letter
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if _has(part))
    return plain or UNPRINTABLE


def _has(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def or_dash(value: object) -> str:
    return clean(value) or NOTHING


def word(words: Mapping[Any, str], key: object) -> str:
    """The word for it; what has none is shown as it is."""
    return words.get(key, or_dash(key)) if isinstance(key, str | bool) else or_dash(key)


def mapping(value: object) -> Mapping[str, Any]:
    """The value where it is an object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing for anything else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def zone_of(*sources: Mapping[str, Any]) -> tzinfo:
    """The first known `time_zone` of these; UTC when nobody says."""
    for source in sources:
        try:
            return ZoneInfo(str(source["time_zone"]))
        except (KeyError, ValueError, OSError):
            continue
    return UTC


def moment(text: object) -> datetime | None:
    """A time as it is written on the wire; None for what is none."""
    try:
        return EPOCH + timedelta(milliseconds=parse_rfc3339(str(text)))
    except (ValueError, OverflowError):
        return None


def utc(text: object) -> str:
    at = moment(text)
    return or_dash(text) if at is None else f"{_stamp(at)} UTC"


def local(text: object, zone: tzinfo) -> str:
    """In the site's own time, with how far that is from UTC."""
    at = moment(text)
    try:
        there = None if at is None else at.astimezone(zone)
    except OverflowError:
        there = None
    return or_dash(text) if there is None else f"{_stamp(there)} ({_offset(there)})"


def _stamp(at: datetime) -> str:
    milliseconds = f",{at.microsecond // 1000:03d}" if at.microsecond >= 1000 else ""  # noqa: PLR2004 - one of them
    return f"{at.day:02d}/{at.month:02d}/{at.year:04d} {at:%H:%M:%S}{milliseconds}"


def _offset(at: datetime) -> str:
    minutes = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "\u2212" if minutes < 0 else "+"
    return f"UTC{'-' if sign != '+' else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def grouped(number: object) -> str:
    """A whole number with points, as Brazil writes it."""
    known = isinstance(number, int) and not isinstance(number, bool)
    return f"{number:,}".replace(",", ".") if known else or_dash(number)


def decimal(number: float, places: int = 1) -> str:
    return f"{number:,.{places}f}".replace(",", "\0").replace(".", ",").replace("\0", ".")


def size(count: object) -> str:
    if not isinstance(count, int | float) or isinstance(count, bool):
        return or_dash(count)
    for unit, one in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{decimal(count / one)} {unit}"
    return f"{grouped(int(count))} bytes"


def duration(seconds: object) -> str:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds < 10**12:
        return or_dash(seconds)
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{grouped(hours)} h {minutes:02d} min {whole % 60:02d} s"
    if minutes:
        return f"{minutes} min {whole % 60:02d} s"
    return f"{decimal(seconds)} s"


def percent(ratio: object) -> str:
    """Never rounded up to a whole that was not there."""
    if not isinstance(ratio, int | float) or isinstance(ratio, bool) or not 0 <= ratio <= 1:
        return or_dash(ratio)
    return "100 %" if ratio == 1 else f"{decimal(min(int(ratio * 10**5) / 1000, 99.999), 3)} %"


def spaced(digits: object, group: int = 4) -> str:
    """Hexadecimal digits in groups, for people who compare them."""
    text = clean(digits, 512)
    return " ".join(text[at : at + group] for at in range(0, len(text), group)) or NOTHING
