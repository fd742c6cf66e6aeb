"""An update from the file to where it takes effect, or a refusal that leaves the box as it was."""

from __future__ import annotations

import secrets
import syslog
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from vmsd import __version__
from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, Invalid, StorageFull
from vmsd.host.clocksync import read_kernel_clock
from vmsd.update import package, slots
from vmsd.update.bundle import Bundle, check_payloads, opened_bundle
from vmsd.update.journal import OVER, Before, Journal, Phase, Plan
from vmsd.update.keys import TrustedKeys, load_trusted, take_replacement
from vmsd.update.manifest import Kind, Manifest, Payload
from vmsd.update.places import Places
from vmsd.update.room import refuse_full
from vmsd.update.rules import Facts, refuse_known_bad, refuse_unfit
from vmsd.update.status import Progress, publish
from vmsd.update.versions import Version, parse_version

NAME_CHARACTERS = 100


@dataclass(frozen=True)
class Order:
    """`by_hand` is an operator's own word: it may try again what was taken back before."""

    file: Path
    confirm_s: float
    database: Path | None = None
    before: Before = field(default_factory=Before)
    by_hand: bool = True


class Updater:
    """Used by root, on the box itself."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places = places
        self._clock = clock
        self._appliance = slots.find_appliance(places)
        self.journal = Journal(places)

    @property
    def kind(self) -> Kind:
        return "root" if self._appliance else "deb"

    def keys(self) -> TrustedKeys:
        return load_trusted(self._places.packaged_keys, self._places.own_keys, self._places.replaced_keys)

    def running_version(self) -> Version:
        if self._appliance is None:
            return parse_version(package.installed_version())
        return parse_version(self._appliance.version or __version__)

    def facts(self) -> Facts:
        """An expiry counts only where something keeps the clock right."""
        now_ms = self._clock.wall_ms() if read_kernel_clock().synchronised else None
        floor, known = self.journal.floor(), self.journal.taken_back()
        return Facts(self.kind, package.architecture(), self.running_version(), floor, now_ms, known)

    def check(self, file: Path) -> Manifest:
        """Every byte of it, and whether it is for this box now; nothing is changed."""
        with self._refusals_told(file), opened_bundle(file, self.keys()) as bundle:
            refuse_unfit(bundle.manifest, self.facts())
            check_payloads(bundle)
            return bundle.manifest

    def stage(self, order: Order) -> Plan:
        """Make it ready. On a Debian box nothing has been changed after that; on an appliance the next boot is new."""
        opened = opened_bundle(order.file, self.keys())
        with self.journal.locked(), self._refusals_told(order.file), opened as bundle:
            if self._appliance and self.journal.phase() in (Phase.STAGED, Phase.INSTALLING):
                self.after_boot()  # whoever was writing the slot has been killed: the lock is ours
            if self.journal.phase() in OVER:
                self.finish()
            self.journal.sweep()
            facts = self.facts()
            refuse_unfit(bundle.manifest, facts)
            if not order.by_hand:
                refuse_known_bad(bundle.digest, facts)
            payload = bundle.manifest.payload(self.kind)
            self._refuse_small(payload, order)
            check_payloads(bundle)
            plan = self._plan(bundle, facts, order)
            self._make_ready(bundle, payload, plan)
            publish(self._places, self._clock)
            return plan

    def _plan(self, bundle: Bundle, facts: Facts, order: Order) -> Plan:
        pair = (self._appliance.booted, self._appliance.other) if self._appliance else None
        return Plan(
            id=secrets.token_hex(8),
            kind=self.kind,
            old=facts.version.text,
            new=bundle.manifest.version,
            digest=bundle.digest,
            began=self._now(),
            confirm_s=order.confirm_s,
            before=order.before,
            slots=pair,
        )

    def _refuse_small(self, payload: Payload, order: Order) -> None:
        """The database is going to be copied too: then it would be too late."""
        needs = []
        if order.database is not None and order.database.exists():
            needs.append((order.database.parent, order.database.stat().st_size))
        if self._appliance:
            slots.refuse_small(self._appliance.devices[self._appliance.other], payload)
        else:
            former_bytes = package.installed_bytes()
            needs += [(self._places.state, payload.unpacked_size + former_bytes), (self._places.program, former_bytes)]
        refuse_full(needs)

    def _make_ready(self, bundle: Bundle, payload: Payload, plan: Plan) -> None:
        room = self.journal.new_room()
        if self._appliance:
            self.journal.begin(room, plan)
            self._fill_slot(self._appliance, bundle, payload)
            return
        new = package.stage_new(room, bundle, payload)
        refuse_full([(self._places.program, package.unpacked_bytes(new))])
        package.stage_former(room)
        self.journal.begin(room, plan)

    def _fill_slot(self, appliance: slots.Appliance, bundle: Bundle, payload: Payload) -> None:
        """The slot cannot be booted until it is whole; from `offer` on it is what is booted next."""
        slot = appliance.other
        self.journal.enter(Phase.INSTALLING)
        publish(self._places, self._clock)
        appliance.close(slot)
        try:
            slots.write_slot(appliance.devices[slot], bundle, payload)
        except BaseException:
            self.journal.enter(Phase.RETURNED, "the system partition could not be written")
            raise
        appliance.offer(slot)
        self.journal.enter(Phase.INSTALLED)

    def after_boot(self) -> Phase | None:
        """On an appliance, before anything of ours starts: which of the two has come up decides how it goes on.

        `returning` has the caller boot once more: the power went before GRUB was told.
        """
        phase, appliance = self.journal.phase(), self._appliance
        if phase is None or phase in OVER or appliance is None:
            return phase
        plan = self.journal.plan()
        _, new = plan.slots or (appliance.booted, appliance.other)
        if appliance.booted == new and phase is Phase.RETURNING:
            appliance.close(new)
        elif appliance.booted == new:
            self.journal.enter(Phase.TRIAL)
        else:
            appliance.close(new)
            if phase in (Phase.STAGED, Phase.INSTALLING):
                self.journal.forgive()
            self.journal.enter(Phase.RETURNED, self.journal.reason() or _why(phase))
        publish(self._places, self._clock)
        return self.journal.phase()

    def leave_slot(self, reason: str) -> bool:
        """Have the next boot be the old version's; whether the caller has to boot.

        Out of a system that is known to be good nobody is sent: it would only come up again, and again.
        """
        if self._appliance is None:
            return False
        if self.journal.phase() not in (Phase.TRIAL, Phase.INSTALLED):
            return not self._appliance.is_good(self._appliance.booted)
        _, new = self.journal.plan().slots or ("", self._appliance.booted)
        self.journal.enter(Phase.RETURNING, reason)
        self._appliance.close(new)
        return True

    def confirm(self) -> None:
        """The new version stays: from now on nothing older is taken. `Conflict` when none is on trial."""
        if self.journal.phase() not in (Phase.TRIAL, Phase.CONFIRMED):
            raise Conflict("no version is on trial")
        if self._appliance:
            self._appliance.confirm(self._appliance.booted)
        self.journal.enter(Phase.CONFIRMED)
        self.finish()

    def give_up(self, reason: str) -> None:
        """Say why the version on trial has to go; the way back itself is `vmsd-update-return.service`."""
        self.journal.judge(reason)
        publish(self._places, self._clock)

    def tell(self, healthy_s: float, faults: Sequence[str]) -> None:
        """A disk that is full keeps nobody from proving itself."""
        with suppress(OSError):
            publish(self._places, self._clock, Progress(round(healthy_s), tuple(faults)))

    def take_keys(self, file: Path) -> TrustedKeys:
        """`Invalid` unless a root key has signed them, and none later."""
        self._places.state.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self.journal.locked(), self._refusals_told(file):
            return take_replacement(file, self.keys(), self._places.replaced_keys)

    def finish(self) -> None:
        """Of an update that is over, however it ended. What is said comes before the end: nobody would say it after."""
        if self.journal.phase() not in OVER:
            publish(self._places, self._clock)
            return
        self.journal.conclude(self._now())
        publish(self._places, self._clock, over=True)
        self.journal.clear()

    @contextmanager
    def _refusals_told(self, file: Path) -> Iterator[None]:
        """A file that somebody tried to put on the box is worth a word to those who watch over it."""
        try:
            yield
        except (Invalid, StorageFull) as error:
            syslog.syslog(syslog.LOG_WARNING | syslog.LOG_AUTH, f"vmsd update refused: {file.name!r}: {error}")
            with suppress(OSError):  # a full disk, which may be the very reason
                self.journal.note_refusal(file.name[:NAME_CHARACTERS], str(error), self._now())
                publish(self._places, self._clock)
            raise

    def _now(self) -> str:
        return rfc3339(self._clock.wall_ms())


def _why(phase: Phase) -> str:
    if phase in (Phase.STAGED, Phase.INSTALLING):
        return "the box was switched off before the new version was whole"
    return "the new version did not start"
