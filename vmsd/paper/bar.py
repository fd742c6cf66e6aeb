"""A period as a bar: solid where there is video, hatched where there is none; nothing is said by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from reportlab.lib.units import mm  # type: ignore[import-untyped]
from reportlab.platypus import Flowable  # type: ignore[import-untyped]

from vmsd.paper.document import GREY, INK, LINE, SHADE, WIDTH
from vmsd.paper.words import moment

HEIGHT = 9 * mm
THINNEST = 0.7
"""A gap of a second in a month must be seen."""
HATCH_STEP = 3.0
TICKS = 6


class PeriodBar(Flowable):  # type: ignore[misc]
    """`spans` and `gaps` have a start and an end each; a span whose clock was not trusted is striped."""

    def __init__(
        self,
        start: object,
        end: object,
        spans: Sequence[Mapping[str, Any]],
        gaps: Sequence[Mapping[str, Any]],
        zone: tzinfo,
    ) -> None:
        super().__init__()
        self.width, self.height = WIDTH, HEIGHT + 12 * mm
        self._start, self._end = _seconds(start) or 0.0, _seconds(end) or 0.0
        self._spans, self._gaps, self._zone = spans, gaps, zone

    def wrap(self, *_room: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        if self._end <= self._start:
            return
        self.canv.saveState()
        self.canv.translate(0, 11 * mm)
        self.canv.setLineWidth(0.4)
        for span in self._spans:
            self._span(span)
        for gap in self._gaps:
            self._gap(gap)
        self.canv.setStrokeColor(GREY)
        self.canv.rect(0, 0, WIDTH, HEIGHT)
        self._ticks()
        self.canv.restoreState()
        self._legend()

    def _place(self, period: Mapping[str, Any]) -> tuple[float, float] | None:
        start, end = _seconds(period.get("start")), _seconds(period.get("end"))
        if start is None or end is None or end < self._start or start > self._end:
            return None
        left, right = (self._x(min(max(at, self._start), self._end)) for at in (start, end))
        return left, right

    def _x(self, at: float) -> float:
        return float(WIDTH) * (at - self._start) / (self._end - self._start)

    def _span(self, span: Mapping[str, Any]) -> None:
        place = self._place(span)
        if place is None:
            return
        self.canv.setFillColor(INK if span.get("clock_trusted", True) else GREY)
        self.canv.rect(place[0], 0, place[1] - place[0], HEIGHT, stroke=0, fill=1)
        if not span.get("clock_trusted", True):
            self._stripe(*place)

    def _stripe(self, left: float, right: float) -> None:
        self.canv.setStrokeColor(SHADE)
        for step in range(1, 4):
            y = HEIGHT * step / 4
            self.canv.line(left, y, right, y)

    def _gap(self, gap: Mapping[str, Any]) -> None:
        place = self._place(gap)
        if place is None:
            return
        left = min(place[0], WIDTH - THINNEST)
        self._hatched(left, 0, max(place[1] - left, THINNEST), HEIGHT)

    def _hatched(self, x: float, y: float, width: float, height: float) -> None:
        canvas = self.canv
        canvas.saveState()
        path = canvas.beginPath()
        path.rect(x, y, width, height)
        canvas.clipPath(path, stroke=0, fill=0)
        canvas.setFillColor(SHADE)
        canvas.rect(x, y, width, height, stroke=0, fill=1)
        canvas.setStrokeColor(INK)
        first = int((x - height) // HATCH_STEP)
        for number in range(first, int((x + width) // HATCH_STEP) + 1):
            canvas.line(number * HATCH_STEP, y, number * HATCH_STEP + height, y + height)
        canvas.restoreState()

    def _ticks(self) -> None:
        canvas = self.canv
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(GREY)
        canvas.setStrokeColor(LINE)
        for number in range(TICKS + 1):
            at = self._start + (self._end - self._start) * number / TICKS
            x = self._x(at)
            canvas.line(x, -1.2 * mm, x, 0)
            draw = canvas.drawString if number == 0 else canvas.drawCentredString
            draw = canvas.drawRightString if number == TICKS else draw
            draw(x, -4 * mm, self._label(at))

    def _label(self, at: float) -> str:
        there = datetime.fromtimestamp(at, UTC).astimezone(self._zone)
        return f"{there.day:02d}/{there.month:02d} {there:%H:%M}"

    def _legend(self) -> None:
        canvas, x, size = self.canv, 0.0, 3 * mm
        canvas.setFont("Helvetica", 8)
        canvas.setStrokeColor(GREY)
        for words, trusted in (("gravado", True), ("gravado, relógio não confiável", False), ("sem gravação", None)):
            if trusted is None:
                self._hatched(x, 0, size * 2, size)
            else:
                self._solid(x, size, trusted=trusted)
            canvas.setFillColor(INK)
            canvas.drawString(x + size * 2 + 1.5 * mm, 0.6 * mm, words)
            x += size * 2 + canvas.stringWidth(words, "Helvetica", 8) + 7 * mm

    def _solid(self, x: float, size: float, *, trusted: bool) -> None:
        self.canv.setFillColor(INK if trusted else GREY)
        self.canv.rect(x, 0, size * 2, size, stroke=0, fill=1)
        if not trusted:
            self.canv.setStrokeColor(SHADE)
            self.canv.line(x, size / 2, x + size * 2, size / 2)


def _seconds(text: object) -> float | None:
    at = moment(text)
    return None if at is None else at.timestamp()
