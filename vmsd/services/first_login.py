"""How the first person gets into a box that has nobody: a secret made at its first start, good for one login.

Whoever reads it must choose a password with it. It stands on the console once, and in a file that only the box's
administrator can read and that goes once it is of no more use.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import structlog

from vmsd.clock import Clock, parse_rfc3339, rfc3339
from vmsd.host.durable import write_durably
from vmsd.model.audit import Action, Who
from vmsd.model.person import Person, Role
from vmsd.services import person_audit
from vmsd.services.audit import AuditLog
from vmsd.services.names import clean_name
from vmsd.services.passwords import Passwords
from vmsd.store.database import Database
from vmsd.store.people import People
from vmsd.store.sessions import Sessions

log = structlog.get_logger()

FILE = "first-login.txt"
NAME = "admin"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is taken for something else when it is read out, or copied from a screen: i, l, o, 0, 1."""
GROUPS, GROUP_CHARS = 5, 4
"""20 characters of 31: 99 bits."""
VALID_H = 72
PRIVATE = 0o600
_SAID_BEFORE = "password: "
_TEXT = re.compile(
    rf"^  name: +(?P<name>\S.*)\n  {_SAID_BEFORE}(?P<secret>.+)\nIt counts until (?P<until>[^,\n]+),", re.MULTILINE
)


@dataclass(frozen=True)
class FirstSecret:
    name: str
    secret: str = field(repr=False)
    until_ms: int
    file: Path

    @property
    def text(self) -> str:
        """For the console, and for the file."""
        lines = (
            "vmsd has nobody who may log in yet. For the first login, once:",
            f"  name:     {self.name}",
            f"  {_SAID_BEFORE}{self.secret}",
            f"It counts until {rfc3339(self.until_ms)}, and a password of your own is asked for at once.",
            "Once it is used or expired without that, the next start of vmsd makes another.",
            f"It also stands in {self.file}.",
        )
        return "".join(f"{line}\n" for line in lines)


class FirstLogin:
    def __init__(self, database: Database, passwords: Passwords, audit: AuditLog, clock: Clock, data_dir: Path) -> None:
        self._database = database
        self._audit = audit
        self._people = People(database)
        self._sessions = Sessions(database)
        self._passwords = passwords
        self._clock = clock
        self._file = data_dir / FILE

    async def prepare(self, name: str = NAME, given: str | None = None) -> FirstSecret | None:
        """At every start: a new secret where nobody could get in without one, else None.

        With a site file the first one may be called otherwise, and have a `given` secret, good for one login too.

        That is so when there is nobody at all, and when there is only the one such a secret was made for, and it
        has been used or has expired without another password chosen, or nobody can read it any more.
        """
        people = await self._people.list(None)
        if not people:
            return await self._make(None, name, given)
        waiting = [person for person in people if person.secret_until_ms is not None]
        if not waiting:
            await self.forget()
        elif len(people) == 1 and (given or not await self._still_good(waiting[0])):
            return await self._make(waiting[0], given=given)
        return None

    async def forget(self) -> None:
        """Somebody has a password of their own now."""
        with suppress(FileNotFoundError):
            await asyncio.to_thread(self._file.unlink)
            log.info("first_login.over")

    async def _still_good(self, person: Person) -> bool:
        """Also false for a file of another database than this one: a restored one, for example."""
        if (person.secret_until_ms or 0) <= self._clock.wall_ms():
            return False
        secret = await asyncio.to_thread(_read, self._file)
        async with self._passwords.turn():
            return await self._passwords.matches(person.password_hash, secret)

    async def _make(self, known: Person | None, name: str = NAME, given: str | None = None) -> FirstSecret:
        """In the file before it counts: what counts can be read by somebody."""
        now_ms = self._clock.wall_ms()
        until_ms = now_ms + VALID_H * 3_600_000
        made = FirstSecret(known.name if known else clean_name(name), given or new_secret(), until_ms, self._file)
        password_hash = await self._passwords.hash(made.secret)
        await asyncio.to_thread(write_durably, self._file, made.text.encode())
        if known is None:
            await self._add(made.name, password_hash, made.until_ms, now_ms)
        else:
            await self._renew(known, password_hash, made.until_ms, now_ms)
        log.warning("first_login.made", until=rfc3339(made.until_ms), again=known is not None)
        return made

    async def _add(self, name: str, password_hash: str, until_ms: int, now_ms: int) -> None:
        person = Person(
            id=0,
            public_id=str(uuid4()),
            city_id=None,
            name=name,
            role=Role.SUPERADMIN,
            password_hash=password_hash,
            must_change=True,
            secret_until_ms=until_ms,
        )
        async with self._database.write() as transaction:
            await self._people.add(transaction, person, now_ms)
            await self._audit.append(transaction, person_audit.added(person, {}, Who()), now_ms)

    async def _renew(self, person: Person, password_hash: str, until_ms: int, now_ms: int) -> None:
        async with self._database.write() as transaction:
            await self._people.set_password(
                transaction, person, password_hash, now_ms, must_change=True, until_ms=until_ms
            )
            await self._sessions.end_all_of(transaction, person)
            entry = person_audit.entry(Action.PASSWORD_RESET, person, Who(), {"must_change": True})
            await self._audit.append(transaction, entry, now_ms)


def new_secret() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS)) for _ in range(GROUPS))
    return "-".join(groups)


def find_first_secret(data_dir: Path) -> FirstSecret | None:
    """As it stands in its file: None once somebody has logged in with it, and for a file somebody has edited."""
    file = data_dir / FILE
    with suppress(OSError, ValueError):
        found = _TEXT.search(file.read_text("utf-8", errors="replace"))
        if found is not None:
            return FirstSecret(found["name"], found["secret"], parse_rfc3339(found["until"]), file)
    return None


def _read(file: Path) -> str:
    """The secret in the file; empty when there is none."""
    try:
        lines: Sequence[str] = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = (line.strip() for line in lines)
    return next((line.removeprefix(_SAID_BEFORE) for line in said if line.startswith(_SAID_BEFORE)), "")
