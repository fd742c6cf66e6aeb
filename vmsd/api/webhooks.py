"""`/api/v1/webhooks/lpr`: plates that programs and cameras report, without a login, signed or from a secret address."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from vmsd.api.bodies import Body, json_answer, parse
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.clock import parse_rfc3339
from vmsd.errors import FieldProblem, Invalid, Malformed, TooLarge, TooSlow
from vmsd.model.detection import Crop, Reading, Vendor
from vmsd.model.shapes import Id, Yes
from vmsd.services.plate_intake import Taken
from vmsd.vendors.plates import normalise

MILLISECONDS_FROM = 100_000_000_000
"""A number as large as this counts thousandths of a second: in seconds it would be the year 5138."""
LATEST_MS = 253_402_300_799_000
SIGNED = {
    "webhook-id": "Standard-Webhooks: the message's own id.",
    "webhook-timestamp": "Standard-Webhooks: seconds since 1970.",
    "webhook-signature": "Standard-Webhooks: `v1,<base64>`, over `id.timestamp.body`; several with spaces between.",
    "X-Signature": "Instead of those: `sha256=<hex>`, over the body.",
}


def _ms_of(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("time", "must be a time as RFC 3339 writes it, or seconds since 1970")
    try:
        ms = parse_rfc3339(value) if isinstance(value, str) else _of_number(value)
    except (ValueError, OverflowError):
        ms = -1
    if not 0 <= ms <= LATEST_MS:
        raise PydanticCustomError("time", "must be a time as RFC 3339 writes it, or seconds since 1970")
    return ms


def _of_number(value: float) -> int:
    if not math.isfinite(value):
        raise ValueError("no time")
    return round(value if value >= MILLISECONDS_FROM else value * 1000)


def _ratio(value: float) -> float:
    return value / 100 if value > 1 else value


def _address(text: str) -> str:
    try:
        split = urlsplit(text)
        is_one = split.scheme in ("http", "https") and bool(split.hostname) and (split.port or 1) > 0
    except ValueError:
        is_one = False
    if not is_one or "@" in split.netloc or not text.isascii() or not text.isprintable() or " " in text:
        raise PydanticCustomError("url", "must be an address with http:// or https://, without a password in it")
    return text


class PlateReading(Body):
    """One plate, read by a program of somebody's."""

    camera_id: UUID = Field(strict=False)
    placa: Annotated[str, Field(min_length=1, max_length=32, examples=["ABC1D23"])]
    timestamp: Annotated[int, BeforeValidator(_ms_of, json_schema_input_type=str | float)] = Field(
        description="When it was read: RFC 3339, or seconds since 1970.", examples=["2026-11-20T22:10:05Z"]
    )
    confianca: Annotated[float, Field(ge=0, le=100), AfterValidator(_ratio)] | None = Field(
        None, description="0 to 1, or in per cent.", examples=[0.93]
    )
    imagem_base64: str | None = Field(None, description="The crop: JPEG or PNG.", examples=[None])
    imagem_url: Annotated[str, Field(max_length=2000), AfterValidator(_address)] | None = Field(
        None, description="Where the box may fetch it, from the camera or its network.", examples=[None]
    )
    signature: str | None = Field(
        None,
        max_length=200,
        description="Instead of the headers: HMAC-SHA256 in hex, over the other members as JSON with sorted names and "
        "no spaces.",
        examples=[None],
    )


class PlateTakenAnswer(TypedDict):
    """Stored, durably."""

    id: Annotated[Id | None, Field(description="Of the detection; null for what told of no plate.")]
    duplicate: Annotated[Yes, Field(description="Of the same car as a moment ago: counted there.")]
    alert_id: Annotated[Id | None, Field(description="Of the alert, where the plate is one that is looked for.")]


def shown(taken: Taken | None) -> PlateTakenAnswer:
    if taken is None:
        return {"id": None, "duplicate": False, "alert_id": None}
    return {"id": taken.id, "duplicate": taken.duplicate, "alert_id": taken.alert_id}


@operation(
    name="report_plate", body=PlateReading, answer=PlateTakenAnswer, status=202, sent=SIGNED, errors=(401, 404, 409)
)
async def report(request: web.Request) -> web.Response:
    """Signed with a key of `/api/v1/webhooks/keys`; without a login.

    What is signed must be of the last 5 minutes by the box's clock, and counts once: 409 says it has arrived already.
    As long as the box's own clock is not trusted, nothing is too old, and still nothing counts twice.
    """
    reports = request.app[SITE].plate_reports
    with reports.noting(request.remote or ""), reports.room.holding() as take:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        said, signature = await reports.open_signed(request.headers, await _read(request, take))
        body = parse(PlateReading, said)
        reading = Reading(
            plate=_plate(body.placa),
            at_ms=body.timestamp,
            confidence=body.confianca,
            source="webhook",
            crop=await _crop(request, body),
            image_url=body.imagem_url,
        )
        taken = await reports.take_signed(signature, str(body.camera_id), reading)
    return json_answer(shown(taken), 202)


def _plate(text: str) -> str:
    try:
        return normalise(text)
    except Invalid as error:
        raise Invalid(str(error), *(FieldProblem("/placa", one.detail) for one in error.problems)) from None


async def _crop(request: web.Request, body: PlateReading) -> Crop | None:
    if not body.imagem_base64:
        return None
    return await request.app[SITE].plate_reports.crop_of(body.imagem_base64, "/imagem_base64")


@operation(
    name="report_hikvision_plate",
    answer=PlateTakenAnswer,
    status=202,
    also={200: "Another event, or no plate."},
    errors=(400, 408, 413, 415, 422),
)
async def hikvision(request: web.Request) -> web.Response:
    """For the camera's own notifications (ISAPI `EventNotificationAlert`, with or without pictures).

    The address is secret, and counts for calls from the camera's networks alone: see `set_plate_reader`.
    """
    return await _take_vendors(request, "hikvision")


@operation(
    name="report_intelbras_plate",
    answer=PlateTakenAnswer,
    status=202,
    also={200: "Another event, a sign of life, or no plate."},
    errors=(400, 408, 413, 415, 422),
)
async def intelbras(request: web.Request) -> web.Response:
    """For the camera's own notifications (ITSAPI, or events as JSON or text, with or without pictures).

    The address is secret, and counts for calls from the camera's networks alone: see `set_plate_reader`.
    """
    return await _take_vendors(request, "intelbras")


async def _take_vendors(request: web.Request, vendor: Vendor) -> web.Response:
    """Who has no address of ours is told nothing, before a byte of theirs is read."""
    reports, address = request.app[SITE].plate_reports, request.remote or ""
    with reports.noting(address), reports.room.holding() as take:
        reader = await reports.reader(vendor, request.match_info["key"], address)
        raw = await _read(request, take)
        taken = await reports.take_vendors(reader, request.headers.get("Content-Type", ""), raw)
    return json_answer(shown(taken), 200 if taken is None else 202)


async def _read(request: web.Request, take: Callable[[int], None]) -> bytes:
    """The body as it was sent, and no more of it than may be; raises `TooLarge`, `TooSlow`, `TooMany`, `Malformed`."""
    settings = request.app[SITE].settings
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > settings.plates.body_bytes:
        raise TooLarge(f"a report has at most {settings.plates.body_bytes} bytes")
    try:
        async with asyncio.timeout(settings.http.body_deadline_s):
            return await _read_bounded(request, settings.plates.body_bytes, take)
    except TimeoutError as error:
        raise TooSlow("the body did not arrive in time") from error
    except web.RequestPayloadError as error:
        raise Malformed("the body did not arrive whole") from error


async def _read_bounded(request: web.Request, most_bytes: int, take: Callable[[int], None]) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        take(len(chunk))
        body += chunk
        if len(body) > most_bytes:
            raise TooLarge(f"a report has at most {most_bytes} bytes")
    return bytes(body)
