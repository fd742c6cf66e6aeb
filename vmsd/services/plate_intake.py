"""Plates that are reported: stored, told and looked for, many of them in one transaction.

Whoever reports waits until what they reported is durable. Those who come while another transaction is being written
wait together, and the first of them writes for all: the disk is asked once for many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog

from vmsd.clock import Clock
from vmsd.config import Plates
from vmsd.errors import Conflict, NotFound, TooMany, VmsdError
from vmsd.model.alert import AlertKind
from vmsd.model.camera import Camera
from vmsd.model.detection import Reading
from vmsd.services.alerts import AlertBook, NewAlert, Raised
from vmsd.services.clock_trust import Timekeeper
from vmsd.services.crops import CropPlace, Crops, place_of
from vmsd.services.detection_answers import Told, news_of, outbox_body_of
from vmsd.services.feed import Feed
from vmsd.services.outbox import ALARM, Outbox, OutboxItem
from vmsd.services.wanted import Match, WantedIndex, WantedPlates
from vmsd.store.cameras import CameraRows, get_in
from vmsd.store.cities import Cities
from vmsd.store.database import Database, Statements
from vmsd.store.detections import NewDetection, count_on, find_same, insert
from vmsd.store.scope import CityStatements, CityTransaction
from vmsd.store.webhooks import add_nonce, drop_nonces, touch_key, touch_reader
from vmsd.vendors.plates import fold

log = structlog.get_logger()

TOPIC = "deteccoes.lpr"
MOST_TOGETHER = 256
QUEUED_BYTES = 64 * 1024**2
"""Of pictures that wait to be written."""
LONGEST_SAME_MS = 3600 * 1000
"""A car that is parked in front of a camera is read anew every hour."""
LATEST_MS = 7 * 86_400_000
"""A program that could not reach the box may hand in so old readings, under a fresh signature."""
TOUCH_MS = 60_000
SECOND_MS = 1000


@dataclass(frozen=True)
class Report:
    """A reading whose reporter is known: by a key, or by the address of its camera.

    `nonce` is kept until `nonce_until_ms`, and refused when it comes again.
    """

    city_id: int
    camera: str
    reading: Reading
    nonce: bytes | None = None
    nonce_until_ms: int = 0
    key_id: int | None = None


@dataclass(frozen=True)
class Taken:
    """`duplicate`: the same car as a moment ago, counted on. Ids are public ones."""

    id: str
    duplicate: bool
    alert_id: str | None = None


@dataclass(frozen=True)
class Stored:
    """What is committed with a report, and told after that."""

    taken: Taken
    told: Told | None = None
    raised: Raised | None = None


@dataclass(frozen=True)
class _Written:
    """What has become of a report: a detection, or one more of one that is there."""

    camera: Camera
    id: str
    new: NewDetection | None = None
    number: int = 0
    match: Match | None = None


@dataclass(eq=False)
class _Waiting:
    report: Report
    id: str = field(default_factory=lambda: str(uuid4()))
    place: CropPlace | None = None
    taken: Taken | None = None
    error: VmsdError | None = None

    @property
    def done(self) -> bool:
        return self.taken is not None or self.error is not None

    @property
    def picture_bytes(self) -> int:
        crop = self.report.reading.crop
        return len(crop.content) if crop else 0


class PlateIntake:
    def __init__(
        self,
        database: Database,
        rows: CameraRows,
        crops: Crops,
        wanted: WantedPlates,
        book: AlertBook,
        outbox: Outbox,
        feed: Feed,
        keeper: Timekeeper,
        clock: Clock,
        rules: Plates,
    ) -> None:
        self._database = database
        self._rows = rows
        self._crops = crops
        self._wanted = wanted
        self._book = book
        self._outbox = outbox
        self._feed = feed
        self._keeper = keeper
        self._clock = clock
        self._rules = rules
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._turn = asyncio.Lock()
        self._cities: dict[int, str] = {}
        self._touched_ms: dict[tuple[int, int | str], int] = {}

    async def take(self, report: Report) -> Taken:
        """Returns once it is durable.

        Raises `NotFound` for a camera the city does not have, `Conflict` for what was received before, `TooMany` when
        more wait than can.
        """
        waiting = _Waiting(report)
        if len(self._queue) >= self._rules.queued or self._queued_bytes + waiting.picture_bytes > QUEUED_BYTES:
            raise TooMany("more is reported than can be stored; report it again", retry_after_s=2)
        self._queue.append(waiting)
        self._queued_bytes += waiting.picture_bytes
        try:
            async with self._turn:
                while not waiting.done:
                    await self._commit([one for one in self._queue if not one.done][:MOST_TOGETHER])
        finally:
            self._queue.remove(waiting)
            self._queued_bytes -= waiting.picture_bytes
        if waiting.taken is None:
            raise waiting.error or TooMany("this could not be stored; report it again")
        return waiting.taken

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """All of them at once; where that fails as a whole, one by one, so that none spoils the others'."""
        now_ms = self._clock.wall_ms()
        await self._write_crops(batch, self._received_ms(now_ms))
        try:
            stored = await self._store_all(batch, now_ms)
        except VmsdError as error:
            if len(batch) > 1:
                for one in batch:
                    await self._commit([one])
                return
            batch[0].error, stored = error, {}
        for index, waiting in enumerate(batch):
            if index in stored:
                waiting.taken = stored[index].taken
                self._announce(stored[index])
        await self._drop_unused(batch)

    def _received_ms(self, now_ms: int) -> int:
        """From when on the days count for which it may be known: never from a time that a clock behind makes old."""
        return max(now_ms, self._keeper.earliest_ms())

    async def _write_crops(self, batch: Sequence[_Waiting], received_ms: int) -> None:
        pictures: dict[CropPlace, bytes] = {}
        for one in batch:
            crop = one.report.reading.crop
            if crop is not None:
                one.place = place_of(await self._city(one.report.city_id), one.id, received_ms, crop.kind)
                pictures[one.place] = crop.content
        if pictures and not await self._crops.write(pictures):
            for one in batch:
                one.place = None

    async def _city(self, city_id: int) -> str:
        if city_id not in self._cities:
            self._cities[city_id] = (await Cities(self._database).get_by_id(city_id)).public_id
        return self._cities[city_id]

    async def _drop_unused(self, batch: Sequence[_Waiting]) -> None:
        unused = [one.place for one in batch if one.place and (one.taken is None or one.taken.duplicate)]
        if unused:
            await self._crops.remove(unused)

    async def _store_all(self, batch: Sequence[_Waiting], now_ms: int) -> dict[int, Stored]:
        """By their places in the batch, those that were stored; the others know why not."""
        async with self._database.write() as transaction:
            cities = {one.report.city_id: CityTransaction(transaction, one.report.city_id) for one in batch}
            wanted = {number: await self._wanted.of_city(city) for number, city in cities.items()}
            written = await transaction.run(lambda statements: self._write(statements, batch, wanted, now_ms))
            return {
                index: await self._tell(cities[batch[index].report.city_id], one, now_ms)
                for index, one in written.items()
            }

    def _write(
        self, statements: Statements, batch: Sequence[_Waiting], wanted: Mapping[int, WantedIndex], now_ms: int
    ) -> dict[int, _Written]:
        written: dict[int, _Written] = {}
        cameras: dict[tuple[int, str], Camera] = {}
        for index, waiting in enumerate(batch):
            try:
                written[index] = self._write_one(statements, waiting, cameras, wanted, now_ms)
            except (NotFound, Conflict) as error:
                waiting.error = error
        if self._keeper.trusted:
            drop_nonces(statements, now_ms, 2 * len(batch))
        return written

    def _write_one(
        self,
        statements: Statements,
        waiting: _Waiting,
        cameras: dict[tuple[int, str], Camera],
        wanted: Mapping[int, WantedIndex],
        now_ms: int,
    ) -> _Written:
        """What may refuse it comes first, before anything is written."""
        report, city = waiting.report, CityStatements(statements, waiting.report.city_id)
        place = (report.city_id, report.camera)
        if place not in cameras:
            cameras[place] = get_in(city, self._rows, report.camera)
        camera = cameras[place]
        if report.nonce is not None:
            add_nonce(statements, report.nonce, report.nonce_until_ms)
        self._touch(city, report, camera, now_ms)
        reading, folded = self._placed(report.reading, now_ms), fold(report.reading.plate)
        at_ms = now_ms if reading.at_ms is None else reading.at_ms
        same_ms = self._rules.same_s * SECOND_MS
        same = find_same(city, camera.id, folded, at_ms, same_ms, LONGEST_SAME_MS) if same_ms else None
        if same is not None:
            count_on(city, same, at_ms, reading.confidence)
            return _Written(camera, same.public_id)
        match = wanted[report.city_id].match(reading.plate, now_ms)
        reading, received_ms = replace(reading, at_ms=at_ms), self._received_ms(now_ms)
        new = _new(waiting, camera, reading, folded, received_ms, wanted=match is not None)
        return _Written(camera, waiting.id, new, insert(city, new), match)

    async def _tell(self, city: CityTransaction, written: _Written, now_ms: int) -> Stored:
        """What else stands in the same transaction: the alert, and what leaves the box."""
        if written.new is None:
            return Stored(Taken(written.id, duplicate=True))
        new, camera, match, raised = written.new, written.camera, written.match, None
        if match is not None:
            raised = await self._book.raise_alert(city, _alert(match, camera, new, written.number), now_ms)
        told = Told(new, camera)
        item = OutboxItem(TOPIC, outbox_body_of(told), ALARM if match else 2, camera.id)
        await self._outbox.put(city, item, now_ms)
        alert_id = raised.alert.public_id if raised else None
        return Stored(Taken(written.id, duplicate=False, alert_id=alert_id), told, raised)

    def _placed(self, reading: Reading, now_ms: int) -> Reading:
        """With a time that can be true: that of the reporter, where its clock and the box's agree well enough."""
        if reading.at_ms is None:
            return reading
        ahead_ms, allowed_ms = reading.at_ms - now_ms, self._rules.window_s * SECOND_MS
        if abs(ahead_ms) <= allowed_ms:
            return reading
        if reading.source == "webhook" and -LATEST_MS <= ahead_ms < 0:
            return replace(reading, facts={**reading.facts, "late_s": -ahead_ms // SECOND_MS})
        return replace(reading, at_ms=now_ms, facts={**reading.facts, "clock_off_s": ahead_ms // SECOND_MS})

    def _touch(self, city: CityStatements, report: Report, camera: Camera, now_ms: int) -> None:
        """When a key or a camera's address was last used, to the minute."""
        user: tuple[int, int | str] = (report.city_id, report.camera if report.key_id is None else report.key_id)
        if abs(now_ms - self._touched_ms.get(user, 0)) < TOUCH_MS:
            return
        self._touched_ms[user] = now_ms
        if report.key_id is None:
            touch_reader(city, camera.id, now_ms)
        else:
            touch_key(city, report.key_id, now_ms)

    def _announce(self, stored: Stored) -> None:
        if stored.told is not None:
            self._feed.publish(news_of(city_id=stored.told.camera.city_id, told=stored.told))
            self._outbox.nudge()
        if stored.raised is not None:
            self._book.announce(stored.raised)


def _new(
    waiting: _Waiting, camera: Camera, reading: Reading, folded: str, received_ms: int, *, wanted: bool
) -> NewDetection:
    return NewDetection(
        public_id=waiting.id,
        camera_id=camera.id,
        at_ms=received_ms if reading.at_ms is None else reading.at_ms,
        received_ms=received_ms,
        plate=reading.plate,
        folded=folded,
        confidence=reading.confidence,
        vendor=reading.source,
        place=" / ".join(filter(None, (camera.group, camera.name))),
        location=camera.location,
        facts=reading.facts,
        image=waiting.place.image if waiting.place else None,
        image_url=None if waiting.place else reading.image_url,
        wanted=wanted,
    )


def _alert(match: Match, camera: Camera, new: NewDetection, number: int) -> NewAlert:
    """One for each plate and camera while it is not closed: that it is somewhere else now is news."""
    wanted, found = match.wanted, match.resemblance
    facts = {"reason": wanted.reason, "match": found.likeness, "score": found.score, "place": new.place}
    if wanted.plate != new.plate:
        facts["wanted_plate"] = wanted.plate
    return NewAlert(
        kind=AlertKind.WANTED_PLATE,
        subject=f"{wanted.public_id} {camera.public_id}",
        level=wanted.level,
        at_ms=new.at_ms,
        camera=camera,
        detection_id=number,
        facts=facts,
    )
