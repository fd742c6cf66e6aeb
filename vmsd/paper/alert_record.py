"""The record of an alert on paper: what happened, when, the picture, and what was done about it and by whom."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.lib.utils import ImageReader  # type: ignore[import-untyped]
from reportlab.platypus import Flowable, Image  # type: ignore[import-untyped]

from vmsd.paper.document import (
    WIDTH,
    SignatureLines,
    body,
    facts,
    heading,
    note,
    print_pdf,
    sheet_of,
    space,
    table,
    title,
    together,
)
from vmsd.paper.words import NOTHING, clean, duration, grouped, items, local, mapping, or_dash, utc, word, zone_of

TITLE = "Registro de alerta"
PICTURE_HIGH = 80 * mm
KINDS = {
    "wanted_plate": "Placa procurada",
    "not_recording": "Câmera sem gravar",
    "breaker": "Gravação suspensa",
    "disk": "Disco de gravações",
    "clock": "Relógio não confiável",
    "integrity": "Integridade das gravações",
    "expiry": "Prazo perto do fim",
    "backlog": "Avisos por enviar",
    "failed_logins": "Senhas erradas em série",
    "mediamtx": "Servidor de mídia parado",
    "motion": "Movimento",
    "event": "Evento",
}
LEVELS = {"critical": "crítico", "warning": "atenção", "info": "informação"}
STATES = {"new": "novo", "acknowledged": "assumido", "on_hold": "em espera", "closed": "encerrado"}
STEPS = {
    "raised": "emitido",
    "acknowledged": "assumido",
    "taken_over": "assumido no lugar de outra pessoa",
    "held": "posto em espera",
    "returned": "voltou da espera",
    "noted": "anotado",
    "reminded": "lembrado",
    "ended": "acabou o que o causou",
    "again": "aconteceu de novo",
    "closed": "encerrado",
}
FACTS = {
    "plate": "Placa lida",
    "wanted_plate": "Placa na lista",
    "match": "Correspondência",
    "reason": "Motivo",
    "read": "Lida como",
    "confidence": "Confiança da leitura",
    "place": "Lugar",
    "cause": "Causa",
    "cameras": "Câmeras",
    "names": "Quais",
    "text": "Descrição",
    "type": "Tipo",
    "score": "Semelhança",
    "tries": "Tentativas",
    "items": "Avisos",
}
"""Of what an alert says of itself, what is printed; the rest is in the API."""
MATCHES = {
    "exact": "exata",
    "alike": "só com letras e números que se confundem: confira na imagem",
    "one_off": "um caractere diferente: confira na imagem",
}
BOX = "o próprio equipamento"


def render(record: Mapping[str, Any], image: bytes | None = None) -> bytes:
    """Of an alert as the API answers it, with whose box it is; `image` is a JPEG."""
    zone = zone_of(record)
    story = [
        *title(TITLE, f"{word(KINDS, record.get('kind'))} \u00b7 {local(record.get('time'), zone)}"),
        facts(_facts(record, zone)),
        *_picture(image),
        heading("O que foi feito"),
        _steps(record, zone),
        space(4),
        together(heading("Ciência"), SignatureLines("Responsável", "confere com o que foi feito")),
        note(_printed(record, zone)),
    ]
    return print_pdf(sheet_of(TITLE, record), story)


def _facts(record: Mapping[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    said = mapping(record.get("facts"))
    told = [(name, _fact(key, said[key])) for key, name in FACTS.items() if said.get(key) not in (None, "", [])]
    return [
        ("Número", record.get("id")),
        ("Situação", f"{word(STATES, record.get('state'))} ({word(LEVELS, record.get('level'))})"),
        ("Câmera", _camera(record)),
        *told,
        ("Aconteceu em", f"{local(record.get('time'), zone)} / {utc(record.get('time'))}"),
        ("Vezes", _times(record, zone)),
        ("Terminou em", _until(record, zone)),
        ("Com quem está", mapping(record.get("owner")).get("name") or "ninguém"),
        ("Última anotação", clean(record.get("note")) or NOTHING),
    ]


def _fact(key: str, value: object) -> str:
    if key == "match":
        return word(MATCHES, value)
    if key == "score" and isinstance(value, float):
        return f"{value:.0%}"
    return ", ".join(clean(one, 100) for one in value) if isinstance(value, list) else or_dash(value)


def _camera(record: Mapping[str, Any]) -> str:
    if record.get("camera_id") is None:
        return f"nenhuma: {BOX}"
    return f"{or_dash(record.get('camera_name'))} / {clean(record.get('camera_id'))}"


def _times(record: Mapping[str, Any], zone: tzinfo) -> str:
    times = record.get("times")
    return "uma" if times == 1 else f"{grouped(times)}, a última em {local(record.get('last_at'), zone)}"


def _until(record: Mapping[str, Any], zone: tzinfo) -> str:
    if record.get("ended_at") is None:
        return NOTHING
    return f"{local(record.get('ended_at'), zone)}, depois de {duration(record.get('duration'))}"


def _picture(image: bytes | None) -> list[Flowable]:
    """Nothing where there is none, or none that can be read."""
    if image is None:
        return []
    try:
        wide, high = ImageReader(io.BytesIO(image)).getSize()
    except OSError:
        return [body("A imagem não pôde ser lida.")]
    factor = min(WIDTH / wide, PICTURE_HIGH / high)
    return [space(4), together(Image(io.BytesIO(image), wide * factor, high * factor))]


def _steps(record: Mapping[str, Any], zone: tzinfo) -> Flowable:
    rows = [
        (
            local(one.get("at"), zone),
            word(STEPS, one.get("step")),
            mapping(one.get("by")).get("name") or BOX,
            clean(one.get("note"), 300) or NOTHING,
        )
        for one in items(record.get("steps"))
    ]
    return table(("Quando", "O quê", "Quem", "Anotação"), (47, 38, 40), rows)


def _printed(record: Mapping[str, Any], zone: tzinfo) -> str:
    by = clean(record.get("printed_by")) or BOX
    return (
        f"Impresso em {local(record.get('printed_at'), zone)} por {by}. Quem assumiu, pôs em espera e encerrou está "
        "também na auditoria do equipamento, com o número deste alerta."
    )
