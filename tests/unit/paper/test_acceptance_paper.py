"""The acceptance report on paper survives whatever stands in it, and holds the pictures byte by byte."""

from __future__ import annotations

import io
from base64 import a85decode
from fractions import Fraction
from typing import Any

import av
from pypdf import PdfReader

from vmsd.paper import acceptance

BAD = "Жук 📷 \x00\x1b[31m\u202e<b>&amp; " + "W" * 500


def picture() -> bytes:
    frame = av.VideoFrame(320, 180, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes([100]) * plane.buffer_size)
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = 320, 180, "yuvj420p"
    codec.time_base = Fraction(1)
    return bytes(codec.encode(frame)[0])


def camera(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "result": "pass", "faults": [], "recording_enabled": True} | more


def test_the_picture_in_the_pdf_is_the_one_that_was_hashed() -> None:
    jpeg = picture()
    pdf = acceptance.render({"passed": True, "cameras": [camera("Praça")]}, {}, {"Praça": jpeg})
    things = [page["/Resources"].get("/XObject", {}) for page in PdfReader(io.BytesIO(pdf)).pages]
    (image,) = [thing.get_object() for page in things for thing in page.values()]
    assert image["/Filter"] == ["/ASCII85Decode", "/DCTDecode"]
    assert a85decode(image._data.strip().removesuffix(b"~>")) == jpeg
    assert acceptance.render({"passed": True, "cameras": [camera("Praça")]}, {}, {"Praça": jpeg}) == pdf


def test_a_picture_that_is_none_is_no_picture() -> None:
    pdf = acceptance.render({"cameras": [camera("Praça")]}, {}, {"Praça": b"no picture"})
    assert "SEM IMAGEM" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


def test_a_picture_that_is_not_the_signed_one_is_not_shown() -> None:
    signed = {"picture": {"sha256": "0" * 64, "taken_at": "2026-03-01T12:00:00Z"}}
    pdf = acceptance.render({"cameras": [camera("Praça", **signed)]}, {}, {"Praça": picture()})
    page = PdfReader(io.BytesIO(pdf)).pages[0]
    assert "IMAGEM ALTERADA" in page.extract_text()
    assert not page["/Resources"].get("/XObject", {})


def test_what_fails_is_named_first_and_what_only_warns_is_not_there() -> None:
    pdf = acceptance.render({"cameras": [camera("Praça", result="fail", faults=["not_proven", "gop_long"])]}, {}, {})
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert text.count("gravação não comprovada") == 2
    assert text.count("entre quadros-chave: ajuste") == 1


def test_what_cannot_be_printed_stops_nothing() -> None:
    odd = [camera(BAD, faults=[BAD], proof=BAD, codec=[BAD], device={"serial": BAD}, result=BAD) for _ in range(70)]
    wrong = {"cameras": odd, "note": BAD, "installer": BAD, "points": [{"name": BAD, "result": BAD}], "disk": BAD}
    pdf = acceptance.render(wrong, {"signature": BAD}, {})
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "NÃO APROVADO" in text
    assert acceptance.render({}, {}, {})
