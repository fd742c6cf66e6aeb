"""Ends calls (WebRTC sessions) whose people may not watch any more, since MediaMTX asks nobody again.

Reads: the open calls, MediaMTX's WebRTC sessions, accounts, cities, cameras. Writes: nothing; it ends sessions in
MediaMTX. Keeps true: within 5 s of a right taken away, a login or viewing session that ended, or a camera removed no
picture of the call is sent any more; no session goes on that this daemon does not know; the viewing session of a call
lives as long as the call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import ClassVar

import structlog

from vmsd.errors import MediaServerAway, NotAllowed, NotFound, NotLoggedIn
from vmsd.mediamtx.answers import WebRtcSession
from vmsd.mediamtx.client import MediaMtxClient
from vmsd.model.city import City
from vmsd.model.person import Caller, Verb, allows
from vmsd.services.accounts import Accounts
from vmsd.services.calls import Call, Calls
from vmsd.services.cities import CityList
from vmsd.services.open_city import OpenCity
from vmsd.services.streams import Streams
from vmsd.services.viewing_audit import ViewingAudit

log = structlog.get_logger()

OpenFor = Callable[[City, Caller], OpenCity]


class CallRights:
    """What the door would say if the same people came now; each of them is looked at once in a pass."""

    def __init__(self, streams: Streams, accounts: Accounts, cities: CityList, open_city: OpenFor) -> None:
        self._streams = streams
        self._accounts = accounts
        self._cities = cities
        self._open_city = open_city

    async def find_refused(self, calls: Sequence[Call]) -> Sequence[Call]:
        """Those that may not go on; the viewing sessions of the others are in use."""
        known: dict[object, OpenCity | None] = {}
        return [call for call in calls if not await self._may_go_on(call, known)]

    async def _may_go_on(self, call: Call, known: dict[object, OpenCity | None]) -> bool:
        try:
            caller = call.caller if call.token is None else self._streams.use(call.token).caller
            proof = (caller.person.id, caller.session_hash, caller.token_hash, caller.seat, call.city_id)
            if proof not in known:
                known[proof] = None
                known[proof] = await self._let_in(call, caller)
            city = known[proof]
            if city is None:
                return False
            await city.cameras.get(call.camera_public_id, Verb.VIEW)
        except (NotLoggedIn, NotAllowed, NotFound):
            return False
        return True

    async def _let_in(self, call: Call, caller: Caller) -> OpenCity:
        caller = replace(await self._accounts.check_still_valid(caller), shown_city_id=call.city_id)
        city = await self._cities.get_by_id(call.city_id)
        if caller.person.city_id is not None and city.status == "suspended":
            raise NotAllowed("this city is suspended")
        if caller.person.city_id not in (None, city.id) or not allows(caller.verbs, Verb.VIEW):
            raise NotAllowed("your account may not do this")
        return self._open_city(city, caller)


class WhepTask:
    name: ClassVar[str] = "whep"
    every_s: ClassVar[float] = 1.5
    deadline_s: ClassVar[float] = 15.0

    def __init__(
        self, calls: Calls, client: MediaMtxClient, rights: CallRights, streams: Streams, viewings: ViewingAudit
    ) -> None:
        self._calls = calls
        self._client = client
        self._rights = rights
        self._streams = streams
        self._viewings = viewings

    async def once(self) -> None:
        """A MediaMTX that is away has no sessions; the observer tells of it."""
        before = self._calls.list()
        if not before and not self._calls.unsettled:
            return
        refused = await self._rights.find_refused(before)
        try:
            sessions = await self._client.list_webrtc_sessions()
            self._note_gone(before, {session.id for session in sessions})
            await self._end({call.media_id for call in refused} | self._unknown(sessions))
        except MediaServerAway:
            return
        for call in refused:
            log.info("call.ended", camera_id=call.camera_public_id, person_id=call.caller.person.public_id)
            self._forget(call)
        await self._note_viewings()

    def _note_gone(self, before: Sequence[Call], there: Collection[str]) -> None:
        for call in before:
            if call.media_id not in there:
                self._forget(call)

    def _unknown(self, sessions: Sequence[WebRtcSession]) -> set[str]:
        """Left by a daemon that was killed; one to a path that is just being called may be known in a moment."""
        known = {call.media_id for call in self._calls.list()}
        strange = [session for session in sessions if session.id not in known and session.state == "read"]
        self._calls.unsettled = bool(strange)
        return {session.id for session in strange if not self._calls.is_opening(session.path)}

    async def _end(self, media_ids: Collection[str]) -> None:
        for media_id in media_ids:
            await self._client.end_webrtc_session(media_id)

    def _forget(self, call: Call) -> None:
        self._calls.remove(call)
        if call.token is not None:
            self._streams.let_go(call.token)

    async def _note_viewings(self) -> None:
        """Who watches for hours watches once."""
        for call in self._calls.list():
            await self._viewings.seen(call.caller, call.city_id, call.camera_public_id, call.session_id)
