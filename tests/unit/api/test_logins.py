"""Logging in, and what it costs to guess."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tests.unit.api.logins import LOGIN, log_in, sql
from tests.unit.api.served import PASSWORD
from vmsd.errors import TooMany
from vmsd.model.person import Role
from vmsd.services.lockout import Attempt


async def test_the_fifth_wrong_password_costs_a_wait_for_names_that_exist_and_names_that_do_not(town):
    for name in ("gestora", "ninguem"):
        statuses = [(await log_in(town, name, "errada errada")).status for _ in range(5)]
        assert statuses == [401] * 5
        refused = await log_in(town, name)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        town.served.clock.pass_s(1000)
        town.served.site.accounts._lockout._failures.pop("address:127.0.0.1")
    assert (await log_in(town)).status == 200


async def disabled(served, person):
    await sql(served, "UPDATE person SET status = 'disabled' WHERE id = :id", id=person.id)


async def expired(served, person):
    await sql(served, "UPDATE person SET secret_until_ms = :ms WHERE id = :id", ms=served.clock.wall_ms(), id=person.id)


async def unchanged(served, person):
    pass


REFUSED = {
    "wrong password": (unchanged, "alguem", "errada errada"),
    "unknown name": (unchanged, "ninguem", PASSWORD),
    "disabled": (disabled, "alguem", PASSWORD),
    "expired first secret": (expired, "alguem", PASSWORD),
    "wrong password of a disabled account": (disabled, "alguem", "errada errada"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_every_refusal_says_the_same_costs_one_hash_and_counts(town, kind):
    prepare, name, password = REFUSED[kind]
    await prepare(town.served, await town.served.person("alguem", Role.USER, town.here))
    passwords, hashes = town.served.site.accounts._passwords, []
    verify = passwords._verify
    passwords._verify = lambda *args: hashes.append(args) or verify(*args)
    first = await log_in(town, name, password)
    assert first.status == 401
    assert first.raw == (await log_in(town, "gestora", "errada errada")).raw
    assert "cause" not in first.body
    assert "Set-Cookie" not in first.headers
    assert len(hashes) == 2
    assert [(await log_in(town, name, password)).status for _ in range(3)] == [401] * 3
    assert (await log_in(town, name, password)).status == 429
    assert len(hashes) == 5


async def test_every_refusal_takes_the_same_time(town):
    people = {"disabled": disabled, "expired": expired, "wrong": unchanged}
    for name, prepare in people.items():
        await prepare(town.served, await town.served.person(name, Role.USER, town.here))
    took: dict[str, float] = {}
    for _ in range(5):
        for name in (*people, "nobody"):
            town.served.site.accounts._lockout._failures.clear()
            began = time.perf_counter()
            answer = await log_in(town, name, "errada errada" if name == "wrong" else PASSWORD)
            assert answer.status == 401
            took[name] = min(took.get(name, 9), time.perf_counter() - began)
    assert max(took.values()) < 2.5 * min(took.values()), took


async def test_a_name_that_is_hammered_from_elsewhere_lets_its_owner_in(town):
    """Who usually logs in here is known; the attacker, at another address, is not."""
    accounts = town.served.site.accounts
    assert (await log_in(town)).status == 200
    for _ in range(12):
        accounts._lockout.note_failure(Attempt("gestora", "203.0.113.9"))
    with pytest.raises(TooMany):
        await accounts.log_in("gestora", PASSWORD, "203.0.113.10")
    assert (await log_in(town)).status == 200


async def test_a_password_changed_while_it_is_being_checked_counts_no_more(town):
    accounts = town.served.site.accounts
    matches = accounts._passwords.matches

    async def slowly(*args: str) -> bool:
        right = await matches(*args)
        await sql(town.served, "UPDATE person SET password_hash = 'other' WHERE name = 'gestora'")
        return right

    accounts._passwords.matches = slowly
    assert (await log_in(town)).status == 401
    rows = await town.served.base.database.read("SELECT count(*) AS n FROM session")
    assert rows[0]["n"] == 0


async def test_ten_people_log_in_at_once_and_the_loop_does_not_notice(town):
    """Its own work at a stretch is what counts here: how long a busy machine lets it wait, the benchmarks measure."""
    stretches: list[float] = []
    threads: list[int] = []
    counting = 0
    passwords = town.served.site.accounts._passwords
    verify = passwords._verify

    def counted(*args: str) -> bool:
        nonlocal counting
        counting += 1
        threads.append(threading.get_ident())
        assert counting <= 2
        try:
            return verify(*args)
        finally:
            counting -= 1

    passwords._verify = counted
    for number in range(10):
        await town.served.person(f"pessoa{number}", Role.USER, town.here)

    async def measure() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.002)
            stretches.append(time.thread_time() - began)

    meter = asyncio.ensure_future(measure())
    answers = await asyncio.gather(*(log_in(town, f"pessoa{number}") for number in range(10)))
    meter.cancel()
    assert [answer.status for answer in answers] == [200] * 10
    assert len(threads) == 10
    assert threading.get_ident() not in threads
    assert max(stretches) < 0.05


async def test_a_hundred_guesses_at_once_are_no_way_around_the_wait(town):
    answers = await asyncio.gather(*(log_in(town, "gestora", f"errada {number:05}") for number in range(60)))
    tried = [answer.status for answer in answers].count(401)
    assert 5 <= tried <= 7
    assert {answer.status for answer in answers} == {401, 429}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "password": ""},
        {"name": "x", "password": "y" * 257},
        {"name": "x" * 101, "password": "y"},
        {"name": "x", "password": "\ud800"},
        {"name": "x", "password": 1},
        {"name": "x", "password": "y", "remember": True},
        {"name": "x", "password": "y", "code": 123456},
        {"name": "x", "password": "y", "code": "12345"},
        {"name": "x", "password": "y", "code": "1" * 41},
    ],
    ids=lambda body: repr(body)[:40],
)
async def test_a_login_that_cannot_be_is_not_tried(town, body):
    assert (await town.ask("POST", LOGIN, body)).status == 422


async def test_names_are_the_same_however_they_were_typed(town):
    await town.served.person("João", Role.USER, town.here)
    for name in ("Joa\u0303o", "JO\u00e3o", " João "):
        assert (await log_in(town, name)).status == 200
