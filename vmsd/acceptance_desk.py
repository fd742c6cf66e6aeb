"""What acceptance reports are made of: the parts that gather, judge, sign and keep them, and the task that does it."""

from __future__ import annotations

from collections.abc import Callable

from vmsd.base import Base, Volume
from vmsd.host.tls import ServedCertificate
from vmsd.model.person import Caller
from vmsd.services.acceptance_box import AcceptanceBox, BoxParts
from vmsd.services.acceptance_document import AcceptanceWriter
from vmsd.services.acceptance_maker import AcceptanceMaker, MakerParts
from vmsd.services.acceptances import AcceptanceBoard, CityAcceptances
from vmsd.services.box_seal import BoxSeal
from vmsd.services.disk_wear import DiskWear
from vmsd.services.export_room import ExportRoom
from vmsd.services.live_states import LiveStates
from vmsd.services.probe import Prober
from vmsd.services.stills import Stills
from vmsd.store.scope import Scope
from vmsd.tasks.acceptance import AcceptanceTask


class AcceptanceDesk:
    def __init__(
        self,
        base: Base,
        volume: Volume,
        states: LiveStates,
        stills: Stills,
        prober: Prober,
        *,
        seal: BoxSeal,
        room: ExportRoom,
        wear: DiskWear,
        served: ServedCertificate,
        local_name: Callable[[], str | None],
    ) -> None:
        settings, clock = base.settings, base.clock
        self._base = base
        self.board = AcceptanceBoard()
        box = AcceptanceBox(
            BoxParts(
                settings=settings,
                clock=clock,
                keeper=volume.keeper,
                watch=volume.watch,
                wear=wear,
                room=room,
                states=states,
                served=served,
                recording_bytes_per_s=volume.index.total_bytes_per_s,
                local_name=local_name,
            )
        )
        maker = AcceptanceMaker(
            MakerParts(
                database=base.database,
                rows=base.rows,
                audit=base.audit,
                clock=clock,
                stills=stills,
                prober=prober,
                states=states,
                index=volume.index,
                box=box,
                writer=AcceptanceWriter(seal, base.database, states, box, clock, settings.site.name),
                time_zone=settings.site.time_zone,
            )
        )
        self.task = AcceptanceTask(base.database, maker, self.board)

    def of(self, scope: Scope, caller: Caller) -> CityAcceptances:
        base = self._base
        return CityAcceptances(self.board, scope, base.audit, base.clock, rights=caller.rights, by=caller.who)
