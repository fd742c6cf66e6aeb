"""What programs and cameras report of plates: who they are, what they say, and whether it can be believed."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import structlog

from vmsd.clock import Clock
from vmsd.config import Plates
from vmsd.errors import BadMedia, FieldProblem, Invalid, Malformed, NotLoggedIn, TooLarge, TooMany, VmsdError
from vmsd.model.detection import Crop, PlateReader, Reading, Vendor
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.plate_intake import PlateIntake, Report, Taken
from vmsd.services.webhook_keys import Reporters
from vmsd.services.webhook_signatures import Signature, find_in_body, find_in_headers
from vmsd.vendors import hikvision_plates, intelbras_plates
from vmsd.vendors.plate_report import PlateReport
from vmsd.vendors.plates import normalise
from vmsd.video.pictures import clean_picture

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")
LARGE_BYTES = 64 * 1024
"""What is longer is looked through in a thread."""
NONCE_WINDOWS = 2
SAID_S = 60.0
SOURCES = 1000
ADAPTERS: Mapping[Vendor, Callable[[str, bytes], PlateReport | None]] = {
    "hikvision": hikvision_plates.read_report,
    "intelbras": intelbras_plates.read_report,
}


class Room:
    """How much of what is being reported may be in memory at once."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Within this block as much as is taken; raises `TooMany` when there is no more."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if count > self._left:
                raise TooMany("too much is being reported at once; report it again", retry_after_s=2)
            self._left -= count
            taken += count

        try:
            yield take
        finally:
            self._left += taken


class PlateReports:
    def __init__(
        self, reporters: Reporters, intake: PlateIntake, keeper: Timekeeper, clock: Clock, rules: Plates, zone: ZoneInfo
    ) -> None:
        self._reporters = reporters
        self._intake = intake
        self._keeper = keeper
        self._clock = clock
        self._rules = rules
        self._zone = zone
        self._said: OrderedDict[str, float] = OrderedDict()
        self.room = Room(rules.room_bytes)

    async def open_signed(self, headers: Mapping[str, str], raw: bytes) -> tuple[Mapping[str, Any], Signature]:
        """A program's JSON, and who signed it. `NotLoggedIn` for nobody here, `Malformed` for what is not JSON."""
        keys = await self._reporters.all_keys()
        signature = await _elsewhere(len(raw), find_in_headers, headers, raw, keys)
        body = await _elsewhere(len(raw), _json_of, raw)
        if signature is None:
            signature = await _elsewhere(len(raw), find_in_body, body, keys)
        return body, signature

    async def take_signed(self, signature: Signature, camera: str, reading: Reading) -> Taken:
        """Raises as `PlateIntake.take` does, and `NotLoggedIn` for what is too old, or of tomorrow."""
        at_ms = reading.at_ms if signature.at_ms is None else signature.at_ms
        now_ms, window_ms = self._clock.wall_ms(), self._rules.window_s * 1000
        if at_ms is not None and self._keeper.trusted_ms() is not None and abs(at_ms - now_ms) > window_ms:
            raise NotLoggedIn(f"what was signed must be of the last {self._rules.window_s} s, by the box's clock")
        until_ms = max(now_ms, at_ms or 0) + NONCE_WINDOWS * window_ms
        key = signature.key
        return await self._intake.take(Report(key.city_id, camera, reading, signature.nonce, until_ms, key.id))

    async def crop_of(self, text: str, pointer: str) -> Crop:
        """Of base64, also as browsers write it in addresses; `Invalid`, naming `pointer`, for what is no picture."""
        if len(text) * 3 // 4 > self._rules.image_bytes + 3:
            raise TooLarge(f"a picture has at most {self._rules.image_bytes} bytes")
        try:
            return await _elsewhere(len(text), _crop_of, text)
        except (BadMedia, binascii.Error, ValueError) as error:
            detail = str(error) if isinstance(error, BadMedia) else "is not base64"
            raise Invalid("the picture was refused", FieldProblem(pointer, detail)) from error

    async def reader(self, vendor: Vendor, secret: str, address: str) -> PlateReader:
        """Whose secret address this is; `NotFound`, whatever is wrong."""
        return await self._reporters.reader(vendor, secret, address)

    async def take_vendors(self, reader: PlateReader, content_type: str, raw: bytes) -> Taken | None:
        """None for what tells of no plate. Raises `Malformed` and `Invalid`, and as `PlateIntake.take` does."""
        report = await _elsewhere(len(raw), ADAPTERS[reader.vendor], content_type, raw)
        if report is None:
            return None
        crop = await _elsewhere(len(raw), self._first_picture, report.pictures)
        refused = {"picture": "refused"} if report.pictures and crop is None else {}
        reading = Reading(
            plate=normalise(report.plate),
            at_ms=self._ms_of(report.at),
            confidence=report.confidence,
            source=reader.vendor,
            facts={**report.facts, **refused},
            crop=crop,
        )
        return await self._intake.take(Report(reader.city_id, reader.camera_public_id, reading))

    def _first_picture(self, pictures: Sequence[bytes]) -> Crop | None:
        """A picture that is none keeps no plate from being told of."""
        for content in pictures:
            if len(content) <= self._rules.image_bytes:
                try:
                    return clean_picture(content)
                except BadMedia:
                    continue
        return None

    def _ms_of(self, at: datetime | None) -> int | None:
        """A camera that does not say its zone has the site's."""
        if at is None:
            return None
        at = at.replace(tzinfo=self._zone) if at.tzinfo is None else at
        try:
            return round(at.timestamp() * 1000)
        except (ValueError, OverflowError):
            return None

    @contextmanager
    def noting(self, source: str) -> Iterator[None]:
        """What is refused in this block is logged, once a minute for each source."""
        try:
            yield
        except VmsdError as error:
            if self._is_news(source):
                log.warning("report.refused", source=source, error=type(error).__name__, detail=str(error))
            raise

    def _is_news(self, source: str) -> bool:
        now_s = self._clock.monotonic()
        last_s = self._said.get(source)
        if last_s is not None and now_s - last_s < SAID_S:
            return False
        self._said[source] = now_s
        self._said.move_to_end(source)
        if len(self._said) > SOURCES:
            self._said.popitem(last=False)
        return True


async def _elsewhere(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """At once, or for much of it in a thread."""
    if size < LARGE_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _json_of(raw: bytes) -> Mapping[str, Any]:
    """As it was written, numbers too: the signature is over these very spellings."""
    try:
        body = json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(body, dict):
        raise Invalid("the body is not an object", FieldProblem("", "must be an object"))
    return body


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _crop_of(text: str) -> Crop:
    bare = text.partition("base64,")[2] if text.startswith("data:") else text
    return clean_picture(base64.b64decode("".join(bare.split()), validate=True))
