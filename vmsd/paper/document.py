"""The sheet everything is printed on: A4, who says it at the head, how to check it at the foot, page x de y.

What is drawn depends on what is given alone: the same facts are the same bytes.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.pdfbase.pdfmetrics import stringWidth  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]
from reportlab.platypus import (  # type: ignore[import-untyped]
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    KeepTogether,
    LongTable,
    PageTemplate,
    Paragraph,
    Spacer,
    TableStyle,
)

from vmsd.paper.words import NOTHING, clean, grouped, mapping, spaced, utc

MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, GREY, LINE, SHADE = (HexColor(f"#{code}") for code in ("1b1f24", "57606a", "c8ced5", "f1f3f5"))
SHORT_DIGITS = 16
NAME_COLUMNS = 84
HEADING_ROOM = 38 * mm
CELL_CHARS = 300
"""A line of a table stays on one page."""

TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=18, leading=22, textColor=INK, spaceAfter=2)
UNDER = ParagraphStyle("under", fontName="Helvetica", fontSize=10, leading=14, textColor=GREY, spaceAfter=8)
HEADING = ParagraphStyle(
    "heading", fontName="Helvetica-Bold", fontSize=11.5, leading=15, textColor=INK, spaceBefore=11, spaceAfter=4,
)  # fmt: skip
BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13.5, textColor=INK, spaceAfter=5)
CELL = ParagraphStyle("cell", fontName="Helvetica", fontSize=8.5, leading=11, textColor=INK)
CELL_RIGHT = ParagraphStyle("cell-right", parent=CELL, alignment=2)
CELL_HEAD = ParagraphStyle("cell-head", parent=CELL, fontName="Helvetica-Bold")
CELL_HEAD_RIGHT = ParagraphStyle("cell-head-right", parent=CELL_HEAD, alignment=2)
CODE = ParagraphStyle("code", parent=CELL, fontName="Courier", fontSize=7.2, leading=10)
NOTE = ParagraphStyle("note", parent=BODY, fontSize=8.5, leading=11.5, textColor=GREY, spaceBefore=4)


@dataclass(frozen=True)
class Sheet:
    """What stands at the head and the foot of every page."""

    title: str
    municipality: str = ""
    site: str = ""
    fingerprint: str = ""
    audit_head: Mapping[str, Any] | None = None
    software: str = ""

    @property
    def head(self) -> str:
        box = f"caixa {spaced(self.fingerprint[:SHORT_DIGITS])}" if self.fingerprint else ""
        return " / ".join(part for part in (clean(self.municipality), clean(self.site), box) if part)

    @property
    def foot(self) -> str:
        head = mapping(self.audit_head)
        parts = [f"vmsd {clean(self.software, 40)}"] if self.software else []
        if head.get("hash"):
            parts.insert(0, f"cabeça da auditoria {clean(head['hash'], 64)} de {utc(head.get('at'))}")
        return " \u00b7 ".join(parts)


def sheet_of(title: str, source: Mapping[str, Any], **more: Any) -> Sheet:
    """From a document's own facts: `city`, `site`, `box`, `software`, `audit_head`, wherever they are there."""
    facts: dict[str, Any] = {
        "municipality": _name(source.get("city")),
        "site": _name(source.get("site")),
        "fingerprint": clean(mapping(source.get("box")).get("fingerprint"), 64),
        "audit_head": mapping(source.get("audit_head")),
        "software": _software(source.get("software")),
    }
    return Sheet(title, **facts | more)


def _name(value: object) -> str:
    return clean(mapping(value).get("name") if isinstance(value, Mapping) else value, 200)


def _software(value: object) -> str:
    return clean(mapping(value).get("vmsd") if isinstance(value, Mapping) else value, 40)


def print_pdf(sheet: Sheet, story: Iterable[Flowable]) -> bytes:
    file = io.BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        title=clean(sheet.title, 200),
        author=sheet.head,
        creator="vmsd",
        lang="pt-BR",
        invariant=1,
    )
    frame = Frame(MARGIN, 22 * mm, WIDTH, A4[1] - 44 * mm, 0, 0, 0, 0, id="page")
    document.addPageTemplates(PageTemplate(id="page", frames=[frame]))
    document.build(list(_with_room(story)), canvasmaker=lambda *args, **words: _Pages(sheet, *args, **words))
    return file.getvalue()


def _with_room(story: Iterable[Flowable]) -> Iterator[Flowable]:
    """No heading at the foot of a page; the table under it may begin there and go on overleaf."""
    for part in story:
        if getattr(part, "style", None) is HEADING:
            yield CondPageBreak(HEADING_ROOM)
        yield part


class _Pages(Canvas):  # type: ignore[misc]
    """Holds the pages back until it is known how many there are."""

    def __init__(self, sheet: Sheet, *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        self._sheet = sheet
        self._held: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._held.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        count = len(self._held)
        for number, page in enumerate(self._held, 1):
            self.__dict__.update(page)
            self._edges(number, count)
            super().showPage()
        super().save()

    def _edges(self, number: int, count: int) -> None:
        where = f"página {number} de {count}"
        top, bottom, right = A4[1] - 13 * mm, 13 * mm, A4[0] - MARGIN
        self.setFillColor(GREY)
        self.setStrokeColor(LINE)
        self.setLineWidth(0.5)
        self.setFont("Helvetica", 8)
        self.drawRightString(right, top, where)
        room = WIDTH - stringWidth(where, "Helvetica", 8) - 6 * mm
        self.drawString(MARGIN, top, _fit(self._sheet.head, "Helvetica", 8, room))
        self.line(MARGIN, top - 2.5 * mm, right, top - 2.5 * mm)
        self.line(MARGIN, bottom + 4 * mm, right, bottom + 4 * mm)
        self.setFont("Helvetica", 7)
        self.drawString(MARGIN, bottom, _fit(self._sheet.foot, "Helvetica", 7, WIDTH))


def _fit(text: str, font: str, points: float, room: float) -> str:
    if stringWidth(text, font, points) <= room:
        return text
    while text and stringWidth(f"{text}\u2026", font, points) > room:
        text = text[:-1]
    return f"{text}\u2026"


def title(text: str, under: str = "") -> list[Flowable]:
    words = [Paragraph(escape(clean(text)), TITLE)]
    return [*words, Paragraph(escape(clean(under)), UNDER)] if under else words


def heading(text: str) -> Flowable:
    return Paragraph(escape(clean(text, 300)), HEADING)


def body(text: str) -> Flowable:
    return Paragraph(escape(clean(text, 8000)), BODY)


def note(text: str) -> Flowable:
    return Paragraph(escape(clean(text, 8000)), NOTE)


def space(millimetres: float) -> Flowable:
    return Spacer(1, millimetres * mm)


def together(*parts: Flowable) -> Flowable:
    return KeepTogether(list(parts))


def code(text: object) -> Paragraph:
    """Digits to be compared: every one as wide as the next."""
    return Paragraph(escape(clean(text) or NOTHING), CODE)


def facts(pairs: Iterable[tuple[str, object]], label_mm: float = 42) -> Flowable:
    """Names and values, one pair a line; a value may be a flowable of its own."""
    rows = [[_cell(name, CELL_HEAD), value if isinstance(value, Flowable) else _cell(value)] for name, value in pairs]
    style = [*_PLAIN, ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE)]
    return LongTable(rows, [label_mm * mm, WIDTH - label_mm * mm], style=TableStyle(style))


def table(
    heads: Sequence[str], widths_mm: Sequence[float], rows: Sequence[Sequence[object]], right: Sequence[int] = ()
) -> Flowable:
    """Repeats its head on every page; the last column takes the room that is left. `right` are columns of figures."""
    widths = [width * mm for width in widths_mm]
    widths.append(WIDTH - sum(widths))
    head = [_cell(text, CELL_HEAD_RIGHT if number in right else CELL_HEAD) for number, text in enumerate(heads)]
    lines = [[_value(value, number in right) for number, value in enumerate(row)] for row in rows]
    return LongTable([head, *lines], widths, repeatRows=1, style=TableStyle([*_PLAIN, *_HEADED]))


def files_table(files: Sequence[Mapping[str, Any]]) -> Flowable:
    """Names and hashes in letters of one width: no line of them is laid out, so that a thousand take no time."""
    rows = [["Nº", "Arquivo e SHA-256", "Bytes"]]
    for number, file in enumerate(files, 1):
        name = "\n".join(textwrap.wrap(clean(file.get("path"), 400), NAME_COLUMNS) or [NOTHING])
        rows.append([str(number), f"{name}\n{clean(file.get('sha256'), 64)}", grouped(file.get("bytes"))])
    style = [
        *_PLAIN,
        *_HEADED,
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 8.5),
        ("FONT", (0, 1), (-1, -1), "Courier", 7),
        ("LEADING", (0, 1), (-1, -1), 8.5),
        ("ALIGN", (0, 0), (0, -1), "RIGHT"),
        ("ALIGN", (2, 0), (2, -1), "RIGHT"),
    ]
    return LongTable(rows, [12 * mm, WIDTH - 42 * mm, 30 * mm], repeatRows=1, style=TableStyle(style))


class SignatureLines(Flowable):  # type: ignore[misc]
    """A step still to be taken: its name, and room for when, who, which document, and a signature."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__()
        self._name, self._meaning = name, meaning
        self.width, self.height = WIDTH, 30 * mm

    def wrap(self, *_room: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        canvas.setFillColor(INK)
        canvas.setFont("Helvetica-Bold", 9)
        canvas.drawString(0, 24 * mm, self._name)
        canvas.setFillColor(GREY)
        canvas.setFont("Helvetica", 8)
        canvas.drawString(stringWidth(self._name, "Helvetica-Bold", 9) + 3 * mm, 24 * mm, self._meaning)
        canvas.setStrokeColor(GREY)
        canvas.setLineWidth(0.5)
        for row, fields in enumerate(
            ((("Data e hora", 45), ("Nome e matrícula", 125)), (("Documento", 80), ("Assinatura", 90)))
        ):
            x, y = 0.0, (16 - 9 * row) * mm
            for label, width in fields:
                canvas.line(x, y, x + (width - 4) * mm, y)
                canvas.drawString(x, y - 3.2 * mm, label)
                x += width * mm


_PLAIN = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
]
_HEADED = [
    ("BACKGROUND", (0, 0), (-1, 0), SHADE),
    ("LINEBELOW", (0, 0), (-1, 0), 0.8, GREY),
    ("LINEBELOW", (0, 1), (-1, -1), 0.3, LINE),
]


def _value(value: object, right: bool) -> Flowable:
    return value if isinstance(value, Flowable) else _cell(clean(value, CELL_CHARS), CELL_RIGHT if right else CELL)


def _cell(value: object, style: ParagraphStyle = CELL) -> Paragraph:
    return Paragraph(escape(clean(value) or NOTHING), style)
