"""The second factor: setting it up, logging in with it, losing it, and being rid of it."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from tests.unit.api.logins import ME, REAUTHENTICATE, TOTP, code_at, log_in, sql, who_by, with_totp
from tests.unit.api.served import PASSWORD
from vmsd.host.keys import Vault
from vmsd.model.person import Role
from vmsd.services.second_factor import MOST_PENDING


@pytest.fixture
async def who(town):
    return await town.served.session("gestora")


@pytest.fixture
def clock(town):
    return town.served.clock


async def totp_is_on(town, who):
    return (await town.ask("GET", ME, who=who)).body["totp"]


async def people(town):
    return await town.served.base.database.read("SELECT * FROM person WHERE name = 'gestora'")


def refused(answer):
    return (answer.status, answer.body.get("cause"))


WRONG, MISSING, OUT = (401, "code_wrong"), (401, "code_required"), (401, None)


async def test_it_is_on_once_the_app_has_shown_a_code_and_not_before(town, who, clock):
    new = (await town.ask("POST", TOTP, who=who)).body
    assert not await totp_is_on(town, who)
    assert (await log_in(town)).status == 200
    wrong = await town.ask("PUT", TOTP, {"code": code_at(new["secret"], clock, 5)}, who=who)
    assert (wrong.status, wrong.pointers) == (422, {"/code"})
    assert not await totp_is_on(town, who)
    done = await town.ask("PUT", TOTP, {"code": code_at(new["secret"], clock)}, who=who)
    assert done.status == 200
    codes = done.body["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    assert await totp_is_on(town, who)
    assert refused(await log_in(town)) == MISSING


async def test_the_secret_comes_three_times_and_the_picture_is_only_a_picture(town, who):
    new = (await town.ask("POST", TOTP, who=who)).body
    uri = urlsplit(new["uri"])
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/vmsd:gestora")
    assert parse_qs(uri.query) == {"secret": [new["secret"]], "issuer": ["vmsd"]}
    assert len(new["secret"]) == 32
    image = ET.fromstring(new["qr_svg"])  # noqa: S314 - our own
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    assert {part.tag.rpartition("}")[2] for part in image.iter()} == {"svg", "path"}
    assert {name for part in image.iter() for name in part.attrib} == {"viewBox", "d", "fill", "stroke"}


async def test_the_longest_name_still_fits_the_picture(town):
    await town.served.person("\U0001f98b" * 100, Role.GESTOR, town.here)
    who = await town.served.session("\U0001f98b" * 100)
    assert (await town.ask("POST", TOTP, who=who)).status == 200


async def test_nothing_that_could_make_a_code_lies_in_the_database(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    (row,) = await people(town)
    hashes = await town.served.base.database.read("SELECT code_hash FROM recovery_code")
    kept = row["totp"] + b"".join(one["code_hash"] for one in hashes)
    assert len(hashes) == 10
    for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert text.encode() not in kept


async def test_a_login_wants_the_code_after_the_right_password_and_not_before(town, who, clock):
    secret, _ = await with_totp(town, who, clock)
    code = code_at(secret, clock)
    assert refused(await log_in(town)) == MISSING
    assert refused(await log_in(town, code="000000")) == WRONG
    assert refused(await log_in(town, password="errada errada")) == OUT
    assert refused(await log_in(town, password="errada errada", code=code)) == OUT
    assert refused(await log_in(town, "ninguem", code=code)) == OUT
    answer = await log_in(town, code=f"{code[:3]} {code[3:]}")
    assert answer.status == 200
    assert await totp_is_on(town, who_by(answer))


async def test_no_refusal_opens_a_session(town, who, clock):
    await with_totp(town, who, clock)
    for code in (None, "000000", "AAAA-AAAA-AAAA-AAAA"):
        assert "Set-Cookie" not in (await log_in(town, code=code)).headers
    rows = await town.served.base.database.read("SELECT count(*) AS n FROM session")
    assert rows[0]["n"] == 1


async def test_a_code_counts_a_step_early_and_a_step_late(town, who, clock):
    secret, _ = await with_totp(town, who, clock)
    for steps in (-2, 2):
        assert refused(await log_in(town, code=code_at(secret, clock, steps))) == WRONG
    clock.pass_s(30)
    for steps in (-1, 0, 1):
        assert (await log_in(town, code=code_at(secret, clock, steps))).status == 200


async def test_a_code_counts_once_and_none_from_before_it(town, who, clock):
    secret, _ = await with_totp(town, who, clock)
    clock.pass_s(60)
    code, earlier = code_at(secret, clock), code_at(secret, clock, -1)
    assert (await log_in(town, code=code)).status == 200
    assert refused(await log_in(town, code=code)) == WRONG
    assert refused(await log_in(town, code=earlier)) == WRONG
    clock.pass_s(30)
    assert refused(await log_in(town, code=code)) == WRONG
    assert (await log_in(town, code=code_at(secret, clock))).status == 200


async def test_the_code_it_was_set_up_with_opens_nothing(town, who, clock):
    secret = (await town.ask("POST", TOTP, who=who)).body["secret"]
    code = code_at(secret, clock)
    assert (await town.ask("PUT", TOTP, {"code": code}, who=who)).status == 200
    assert refused(await log_in(town, code=code)) == WRONG


async def test_of_many_at_once_with_one_code_one_gets_in(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    for code in (code_at(secret, clock), codes[0]):
        town.served.site.accounts._lockout._failures.clear()
        answers = await asyncio.gather(*(log_in(town, code=code) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]


async def test_a_recovery_code_counts_once_however_it_is_typed_and_whatever_the_clock_says(town, who, clock):
    _, codes = await with_totp(town, who, clock)
    clock.wall -= 10**10
    for code in (codes[0], codes[1].lower().replace("-", " "), codes[2].replace("-", "")):
        assert (await log_in(town, code=code)).status == 200
        assert refused(await log_in(town, code=code)) == WRONG
    rows = await town.served.base.database.read("SELECT count(*) AS n FROM recovery_code")
    assert rows[0]["n"] == 7


async def test_a_recovery_code_is_somebodys_own(town, who, clock):
    _, codes = await with_totp(town, who, clock)
    await with_totp(town, await town.served.session("outra"), clock)
    assert refused(await log_in(town, "outra", code=codes[0])) == WRONG
    assert (await log_in(town, code=codes[0])).status == 200


async def test_a_wrong_password_uses_up_no_code(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    code = code_at(secret, clock)
    for used in (code, codes[0]):
        await log_in(town, password="errada errada", code=used)
    for used in (code, codes[0]):
        assert (await log_in(town, code=used)).status == 200


async def test_guessing_codes_costs_what_guessing_passwords_does(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    for number in range(5):
        assert refused(await log_in(town, code=f"{number:06}")) == WRONG
        town.served.site.accounts._lockout._failures.pop("address:127.0.0.1")
    assert (await log_in(town, code=code_at(secret, clock))).status == 429
    clock.pass_s(31)
    assert (await log_in(town, code=codes[0])).status == 200


async def test_the_password_alone_forgives_no_guess(town, who, clock):
    await with_totp(town, who, clock)
    for _ in range(5):
        assert refused(await log_in(town)) == MISSING
        assert refused(await log_in(town, code="000000")) == WRONG
    assert (await log_in(town)).status == 429


async def test_a_hundred_codes_at_once_are_no_way_around_the_wait(town, who, clock):
    await with_totp(town, who, clock)
    answers = await asyncio.gather(*(log_in(town, code=f"{number:06}") for number in range(30)))
    assert 5 <= [answer.status for answer in answers].count(401) <= 7
    assert {answer.status for answer in answers} <= {401, 429}


async def test_it_is_set_up_within_ten_minutes_in_the_session_it_was_begun_in(town, who, clock):
    other = await town.served.session("gestora")
    assert (await town.ask("PUT", TOTP, {"code": "123456"}, who=who)).status == 409
    secret = (await town.ask("POST", TOTP, who=who)).body["secret"]
    assert (await town.ask("PUT", TOTP, {"code": code_at(secret, clock)}, who=other)).status == 409
    clock.pass_s(601)
    assert (await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=who)).status == 204
    assert (await town.ask("PUT", TOTP, {"code": code_at(secret, clock)}, who=who)).status == 409
    assert not await totp_is_on(town, who)


async def test_one_that_is_on_is_not_replaced_unnoticed(town, who, clock):
    other = await town.served.session("gestora")
    pending = (await town.ask("POST", TOTP, who=other)).body["secret"]
    await with_totp(town, who, clock)
    assert (await town.ask("POST", TOTP, who=who)).status == 409
    assert (await town.ask("PUT", TOTP, {"code": code_at(pending, clock)}, who=other)).status == 409


@pytest.mark.parametrize(
    ("method", "body"), [("POST", None), ("PUT", {"code": "123456"}), ("DELETE", {"password": "x"})]
)
async def test_it_wants_a_session_and_a_fresh_password(town, who, clock, method, body):
    assert (await town.ask(method, TOTP, body, who=town.gestor)).status == 403
    clock.pass_s(601)
    answer = await town.ask(method, TOTP, body, who=who)
    assert (answer.status, answer.body["cause"]) == (403, "reauthenticate")


async def test_it_goes_with_the_password_and_a_code_and_takes_the_recovery_codes_along(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    code = code_at(secret, clock)
    for body, pointer in (
        ({"password": "errada errada", "code": code}, "/password"),
        ({"password": PASSWORD}, "/code"),
        ({"password": PASSWORD, "code": "000000"}, "/code"),
    ):
        answer = await town.ask("DELETE", TOTP, body, who=who)
        assert (answer.status, answer.pointers) == (422, {pointer})
    assert await totp_is_on(town, who)
    assert (await town.ask("DELETE", TOTP, {"password": PASSWORD, "code": code}, who=who)).status == 204
    assert not await totp_is_on(town, who)
    assert (await log_in(town)).status == 200
    assert (await town.ask("DELETE", TOTP, {"password": PASSWORD}, who=who)).status == 409
    assert not await town.served.base.database.read("SELECT * FROM recovery_code")
    await with_totp(town, who, clock)
    assert refused(await log_in(town, code=codes[0])) == WRONG


async def test_proving_it_again_wants_the_code_too_and_counts(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    clock.pass_s(600)
    missing = await town.ask("POST", REAUTHENTICATE, {"password": PASSWORD}, who=who)
    assert (missing.status, missing.pointers) == (422, {"/code"})
    code = code_at(secret, clock)
    body = {"password": PASSWORD, "code": code}
    assert (await town.ask("POST", REAUTHENTICATE, body, who=who)).status == 204
    assert (await town.ask("POST", REAUTHENTICATE, body, who=who)).pointers == {"/code"}
    assert refused(await log_in(town, code=code)) == WRONG
    for _ in range(4):
        town.served.site.accounts._lockout._failures.pop("address:127.0.0.1", None)
        body["code"] = "000000"
        assert (await town.ask("POST", REAUTHENTICATE, body, who=who)).status == 422
    body["code"] = codes[0]
    assert (await town.ask("POST", REAUTHENTICATE, body, who=who)).status == 429


async def test_with_another_key_beside_the_database_the_recovery_codes_are_left(town, who, clock):
    secret, codes = await with_totp(town, who, clock)
    town.served.site.accounts.second_factor._vault = Vault(os.urandom(32))
    assert refused(await log_in(town, code=code_at(secret, clock))) == WRONG
    assert (await log_in(town, code=codes[0])).status == 200


async def test_a_sealed_secret_is_no_use_in_another_account(town, who, clock):
    secret, _ = await with_totp(town, who, clock)
    await sql(town.served, "UPDATE person SET totp = (SELECT totp FROM person WHERE name = 'gestora')")
    assert refused(await log_in(town, "outra", code=code_at(secret, clock))) == WRONG


@pytest.mark.parametrize("code", ["", "12345", "x" * 41, 123456, None, ["123456"]], ids=repr)
async def test_what_cannot_be_a_code_is_not_tried(town, who, code):
    await town.ask("POST", TOTP, who=who)
    assert (await town.ask("PUT", TOTP, {"code": code}, who=who)).pointers == {"/code"}


@pytest.mark.parametrize(
    "code",
    [
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\u0660\u0661\u0662\u0663\u0664\u0665",
        "------",
        "      x",
        "\ud800\ud800\ud800\ud800\ud800\ud800",
    ],
)
async def test_strange_letters_are_a_wrong_code_and_nothing_worse(town, who, clock, code):
    await with_totp(town, who, clock)
    answer = await log_in(town, code=code)
    assert answer.status in (401, 422)


async def test_beginning_again_and_again_does_not_fill_the_memory(town):
    factor = town.served.site.accounts.second_factor
    caller = await town.served.site.accounts.caller_of_session((await town.served.session("gestora"))["Cookie"][5:])
    for number in range(MOST_PENDING):
        factor._pending[str(number).encode()] = None
    await factor.begin(caller)
    await factor.begin(caller)
    assert len(factor._pending) == MOST_PENDING
    assert caller.session_hash in factor._pending
