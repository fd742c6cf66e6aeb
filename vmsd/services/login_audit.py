"""What the audit log is told of people who log in, and of those who try.

A name somebody has typed is written down only when it is somebody's: people type passwords into the wrong field.
Whoever tries on and on fills no disk: some rows for each address, then how many more there were.
"""

from __future__ import annotations

from vmsd.clock import Clock
from vmsd.model.audit import Action, Entry, Fact, Subject, Who
from vmsd.model.person import Caller, Person
from vmsd.services.audit import AuditLog
from vmsd.services.lockout import Attempt
from vmsd.services.sparing import Sparing
from vmsd.store.people import People

ROWS_EACH = 10
"""For one address in a minute, before the rest is only counted."""
ROWS_ALL = 60
"""For all addresses together: an attacker may have many."""
ADDRESSES = 1000
EVERYBODY = ""


def of_person(action: Action, caller: Caller, **facts: Fact) -> Entry:
    """Something somebody did about their own account."""
    return Entry(action, caller.who, caller.person.city_id, subject_of(caller.person), facts=facts)


def subject_of(person: Person) -> Subject:
    return Subject("person", person.public_id)


class LoginAudit:
    """A row that cannot be written keeps nobody from trying again."""

    def __init__(self, audit: AuditLog, people: People, clock: Clock) -> None:
        self._audit = audit
        self._people = people
        self._each = Sparing(clock, most=ROWS_EACH, keys=ADDRESSES)
        self._all = Sparing(clock, most=ROWS_ALL, keys=1)

    async def refused(self, attempt: Attempt, cause: str | None = None) -> None:
        """Somebody could not show who they are; `cause` says what else it was than name or password."""
        action = Action.LOGIN_SECOND_FACTOR_REFUSED if cause == "code_wrong" else Action.LOGIN_REFUSED
        await self._tell(action, attempt, {"cause": cause} if cause and cause != "code_wrong" else {})

    async def locked(self, attempt: Attempt, wait_s: int) -> None:
        """Somebody was not even listened to, after too many failures."""
        await self._tell(Action.LOGIN_LOCKED, attempt, {"wait_s": wait_s})

    async def _tell(self, action: Action, attempt: Attempt, facts: dict[str, Fact]) -> None:
        """Takes as long for a name nobody has as for any other."""
        if not self._each.admits(attempt.address) or not self._all.admits(EVERYBODY):
            return
        person = await self._people.find(attempt.name)
        if person is None:
            facts |= {"unknown_name": True}
        if attempt.session:
            facts |= {"in_session": True}
        who = Who(address=attempt.address or None)
        city_id, subject = (person.city_id, subject_of(person)) if person else (None, None)
        await self._audit.note(Entry(action, who, city_id, subject, facts=facts))

    async def count_up(self) -> None:
        """Write down how many more there were in the minutes that are over; to be called every now and then."""
        for address, more in self._each.take_over():
            await self._audit.note(Entry(Action.LOGIN_REFUSED, Who(address=address or None), facts={"more": more}))
        for _, more in self._all.take_over():
            await self._audit.note(Entry(Action.LOGIN_REFUSED, facts={"more": more, "many_addresses": True}))
