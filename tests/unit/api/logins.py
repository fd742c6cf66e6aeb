"""Logging in as people do, with a name, a password and at times a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyotp

from tests.unit.api.served import PASSWORD

if TYPE_CHECKING:
    from tests.unit.api.served import Answer
    from tests.unit.tasks.recording_box import HandClock

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"
PASSWORD_PATH = "/api/v1/auth/password"
REAUTHENTICATE = "/api/v1/auth/reauthenticate"
SESSIONS = "/api/v1/auth/sessions"
TOTP = "/api/v1/auth/totp"


async def log_in(
    town: Any, name: str = "gestora", password: str = PASSWORD, code: str | None = None, **headers: str
) -> Answer:
    body = {"name": name, "password": password} | ({} if code is None else {"code": code})
    return await town.ask("POST", LOGIN, body, **headers)


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"]


def who_by(answer: Answer) -> dict[str, str]:
    assert answer.status == 200, answer.raw
    return {"Cookie": cookie_of(answer).partition(";")[0]}


def code_at(secret: str, clock: HandClock, steps: int = 0) -> str:
    """What the app shows now, or some steps of 30 s from now."""
    return pyotp.HOTP(secret).at(clock.wall_ms() // 30_000 + steps)


async def with_totp(town: Any, who: dict[str, str], clock: HandClock) -> tuple[str, list[str]]:
    """Turns the second factor on; its secret and the recovery codes. A step later its code counts once more."""
    secret = (await town.ask("POST", TOTP, who=who)).body["secret"]
    answer = await town.ask("PUT", TOTP, {"code": code_at(secret, clock)}, who=who)
    assert answer.status == 200, answer.raw
    clock.pass_s(31)
    return secret, answer.body["recovery_codes"]


async def sql(served: Any, statement: str, **values: Any) -> None:
    async with served.base.database.write() as transaction:
        await transaction.execute(statement, values)
