"""Makes the acceptance reports that were asked for, one after another.

Reads: the index of recordings, pictures, the box. Writes: signed reports; how far the one is that is being made.
Keeps true: what was asked for comes to an end, whatever restarts in between; a report is written whole or not at all.
"""

from __future__ import annotations

from typing import ClassVar

from vmsd.services.acceptance_maker import AcceptanceMaker, Draft
from vmsd.services.acceptances import AcceptanceBoard
from vmsd.store.acceptances import Place, find_open
from vmsd.store.database import Database


class AcceptanceTask:
    name: ClassVar[str] = "acceptance"
    every_s: ClassVar[float] = 3.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(self, database: Database, maker: AcceptanceMaker, board: AcceptanceBoard) -> None:
        self._database = database
        self._maker = maker
        self._board = board
        self._draft: Draft | None = None

    async def once(self) -> None:
        place = await find_open(self._database)
        if place is None:
            self._draft = None
            self._board.progress.clear()
            return
        draft = await self._draft_of(place)
        if self._maker.is_hopeless(draft):
            await self._maker.give_up(draft, "the box could not finish it")
            return
        if place.public_id not in self._board.progress:
            self._board.progress = {place.public_id: await self._maker.look(draft)}
        await self._maker.gather(draft)
        progress = self._board.progress[place.public_id] = await self._maker.look(draft)
        if self._maker.is_ready(draft, progress):
            await self._close(draft)
        else:
            draft.retaken.clear()

    async def _draft_of(self, place: Place) -> Draft:
        """What was gathered before, unless it was of another report or of a former life."""
        known = self._draft
        if known is None or known.one.public_id != place.public_id:
            known = self._draft = await self._maker.open(place)
        return known

    async def _close(self, draft: Draft) -> None:
        if await self._maker.retake(draft):
            await self._maker.finish(draft)
            self._draft = None
            self._board.progress.clear()
