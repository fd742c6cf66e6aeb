"""The second factor: a code of the moment from an authenticator app (RFC 6238), or one of ten recovery codes.

A code of the moment needs a clock that is right within a minute; recovery codes count whatever the box's clock says.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import secrets
from base64 import b32encode
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hmac import compare_digest

import pyotp
import segno
import structlog

from vmsd.clock import Clock
from vmsd.errors import BadSetting, Conflict, FieldProblem, Invalid, NotLoggedIn
from vmsd.host.keys import Vault
from vmsd.model.audit import Action
from vmsd.model.person import Caller, Person
from vmsd.services.audit import AuditLog
from vmsd.services.login_audit import of_person
from vmsd.services.login_sessions import session_of
from vmsd.store.database import Database, Transaction
from vmsd.store.people import People

log = structlog.get_logger()

STEP_S = 30
TOLERATED_STEPS = 1
"""Before and after the present one: clocks differ, and typing takes time."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 bits: nobody finds one by trying, so a plain SHA-256 is enough."""
SET_UP_WITHIN_S = 600.0
MOST_PENDING = 200
"""People in the middle of setting theirs up; with more, the one who began longest ago begins again."""
LABEL_CHARS = 40
"""Of a name and of the issuer in the code to point at: 40 of any letters are sure to fit."""
_MOMENT = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")
WRONG = "this code is wrong or was used before"


@dataclass(frozen=True)
class NewFactor:
    """What an authenticator app has to be told, three times: `secret` to type, `uri` to open, `qr_svg` to point at."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_svg: str = field(repr=False)


@dataclass(frozen=True)
class _Pending:
    secret: str = field(repr=False)
    until_s: float


class SecondFactor:
    """`issuer` is what the app calls the box. What is being set up is kept in memory, for the session it began in."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock, issuer: str) -> None:
        self._database = database
        self._audit = audit
        self._people = People(database)
        self._vault = vault
        self._clock = clock
        self._issuer = issuer[:LABEL_CHARS]
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()

    async def begin(self, caller: Caller) -> NewFactor:
        """A new secret, which counts for nothing before `confirm`; `Conflict` when there is one that counts."""
        session_hash = self._session_without_factor(caller)
        secret = pyotp.random_base32()
        self._pending[session_hash] = _Pending(secret, self._clock.monotonic() + SET_UP_WITHIN_S)
        self._pending.move_to_end(session_hash)
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)
        uri = pyotp.TOTP(secret).provisioning_uri(name=caller.name[:LABEL_CHARS], issuer_name=self._issuer)
        return NewFactor(secret, uri, await asyncio.to_thread(qr_svg, uri))

    async def confirm(self, caller: Caller, code: str) -> Sequence[str]:
        """Turn it on, with the code that shows the app has it; returns the recovery codes, never seen again."""
        session_hash = self._session_without_factor(caller)
        pending = self._pending.get(session_hash)
        if pending is None or pending.until_s < self._clock.monotonic():
            raise Conflict("begin again: a new second factor has to be confirmed within ten minutes")
        step = self._find_step(pending.secret, tidy(code), after=0)
        if step is None:
            raise Invalid("the second factor was not turned on", FieldProblem("/code", WRONG))
        del self._pending[session_hash]
        codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
        await self._turn_on(caller, pending.secret, step, codes)
        log.info("second_factor.on", person_id=caller.person.public_id)
        return codes

    async def _turn_on(self, caller: Caller, secret: str, step: int, codes: Sequence[str]) -> None:
        person, now_ms = caller.person, self._clock.wall_ms()
        sealed = self._vault.seal(secret.encode(), _bound_to(person))
        async with self._database.write() as transaction:
            await self._people.set_totp(transaction, person, sealed, now_ms)
            await self._people.use_totp(transaction, person, step)
            await self._people.add_codes(transaction, person, [hash_recovery_code(code) for code in codes])
            await self._audit.append(transaction, of_person(Action.TOTP_ENABLED, caller), now_ms)

    def _session_without_factor(self, caller: Caller) -> bytes:
        session_hash = session_of(caller)
        if caller.person.totp is not None:
            raise Conflict("the second factor is on already; turn it off first")
        return session_hash

    async def use(self, transaction: Transaction, person: Person, code: str | None) -> None:
        """Use up a code of somebody whose password was right; nothing is asked of who has no second factor.

        `NotLoggedIn` has the cause `code_required` or `code_wrong`.
        """
        if person.totp is None:
            return
        if not code:
            raise NotLoggedIn("the code of the second factor is missing", cause="code_required")
        if not await self._use(transaction, person, tidy(code)):
            raise NotLoggedIn(WRONG, cause="code_wrong")

    async def _use(self, transaction: Transaction, person: Person, code: str) -> bool:
        if _RECOVERY.fullmatch(code):
            return await self._people.use_code(transaction, person, hash_recovery_code(code))
        step = self._find_step(self._secret_of(person), code, after=person.totp_step)
        return step is not None and await self._people.use_totp(transaction, person, step)

    def _secret_of(self, person: Person) -> str | None:
        """None when the key beside the database is another: then the recovery codes are what is left."""
        try:
            return self._vault.open(person.totp or b"", _bound_to(person)).decode()
        except BadSetting:
            log.exception("second_factor.unreadable", person_id=person.public_id)
            return None

    def _find_step(self, secret: str | None, code: str, *, after: int) -> int | None:
        """The time step a code belongs to, if it is one of now and later than `after`."""
        if secret is None or not _MOMENT.fullmatch(code):
            return None
        now = self._clock.wall_ms() // (STEP_S * 1000)
        steps = range(max(now - TOLERATED_STEPS, after + 1), now + TOLERATED_STEPS + 1)
        codes = pyotp.HOTP(secret)
        return next((step for step in steps if compare_digest(codes.at(step), code)), None)


def tidy(code: str) -> str:
    """As people copy them: with spaces and hyphens, in small letters."""
    return re.sub(r"[\s-]", "", code).upper()


def new_recovery_code() -> str:
    """Four groups of four letters and digits."""
    letters = b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def hash_recovery_code(code: str) -> bytes:
    return hashlib.sha256(tidy(code).encode()).digest()


def qr_svg(text: str) -> str:
    """Black on white with its quiet zone, without a size of its own, and without style or script."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, nl=False, omitsize=True, light="#fff", svgclass=None, lineclass=None
    )
    return drawn.getvalue().decode()


def _bound_to(person: Person) -> str:
    return f"totp:{person.public_id}"
