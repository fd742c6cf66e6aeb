"""The record of an alert says what happened, what was done and by whom, whatever letters that holds."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from pypdf import PdfReader

from vmsd.paper import alert_record

ODD = "Жук 📷 \x00\x1b[31m<b>&amp; " + "W" * 500


def record(**more: Any) -> dict[str, Any]:
    at = "2026-11-20T22:10:00.000Z"
    return {
        "id": "0f9f6a30-6f6c-4f0e-8f3d-2f6d0c1b7a55",
        "kind": "wanted_plate",
        "level": "critical",
        "state": "closed",
        "camera_id": "c1",
        "camera_name": "Entrada norte",
        "time": at,
        "last_at": at,
        "times": 3,
        "ended_at": None,
        "owner": {"id": "p1", "name": "Ana Souza"},
        "note": "Abordado",
        "facts": {"plate": "BRA2E19", "reason": "roubo"},
        "steps": [
            {"at": at, "step": "raised", "note": "", "by": None},
            {"at": at, "step": "closed", "note": "Abordado", "by": {"id": "p1", "name": "Ana Souza"}},
        ],
        "city": {"name": "São José"},
        "time_zone": "America/Sao_Paulo",
        "printed_at": at,
        "printed_by": "Ana Souza",
    } | more


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (320, 200), (200, 30, 30)).save(file, "JPEG")
    return file.getvalue()


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_it_says_what_happened_and_what_was_done_with_the_picture():
    pdf = alert_record.render(record(), picture())
    text = text_of(pdf)
    for words in ("Placa procurada", "BRA2E19", "roubo", "Entrada norte", "Ana Souza", "encerrado", "emitido"):
        assert words in text
    assert "20/11/2026 19:10:00 (UTC-03:00)" in text
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == 1
    assert alert_record.render(record(), picture()) == pdf


def test_any_letters_a_broken_picture_and_a_long_history_are_printed():
    steps = [{"at": "x", "step": "noted", "note": ODD, "by": {"id": None, "name": ODD}} for _ in range(80)]
    odd = record(note=ODD, facts={"reason": ODD, "cameras": 3}, steps=steps, owner=None, camera_id=None)
    pdf = alert_record.render(odd, b"no picture")
    assert "A imagem não pôde ser lida." in text_of(pdf)
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 1
