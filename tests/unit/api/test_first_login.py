"""A box that has nobody makes itself somebody: once, for one login, for three days."""

from __future__ import annotations

import asyncio
import re
import stat

import pytest

from tests.unit.api.logins import ME, PASSWORD_PATH, log_in, who_by
from tests.unit.api.served import serve
from vmsd.app import tell_first_secret
from vmsd.base import CONSOLE
from vmsd.model.person import Role
from vmsd.services.people import PersonFields

NEW = "uma senha minha"
SECRET = re.compile(r"(?<![\w-])[a-hjkmnp-z2-9]{4}(?:-[a-hjkmnp-z2-9]{4}){4}(?![\w-])")


@pytest.fixture
def file(served):
    return served.base.settings.data_dir / "first-login.txt"


async def prepare(served):
    made = await served.base.first_login.prepare()
    return made and made.secret


async def change(served, who, secret, new=NEW):
    return await served.ask("POST", PASSWORD_PATH, {"password": secret, "new_password": new}, who=who)


async def test_the_secret_opens_one_session_in_which_a_password_is_chosen(served, file):
    secret = await prepare(served)
    assert SECRET.fullmatch(secret)
    first = await log_in(served, "admin", secret)
    me = first.body
    assert (me["role"], me["city_id"], me["must_change_password"]) == ("SUPERADMIN", None, True)
    who = who_by(first)
    assert (await served.ask("GET", "/api/v1/cities", who=who)).body["cause"] == "change_password"
    page = await served.ask("GET", "/health-board", who=who, Accept="text/html")
    assert (page.status, page.headers["Location"]) == (303, "/account?first&next=/health-board")
    assert (await log_in(served, "admin", secret)).status == 401
    assert file.exists()
    assert (await change(served, who, secret)).status == 204
    assert not file.exists()
    assert (await log_in(served, "admin", secret)).status == 401
    who = who_by(await log_in(served, "admin", NEW))
    assert (await served.ask("GET", "/api/v1/cities", who=who)).status == 200
    assert await prepare(served) is None


async def test_of_many_who_use_it_at_once_one_gets_in(served):
    secret = await prepare(served)
    answers = await asyncio.gather(*(log_in(served, "admin", secret) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]


async def test_it_cannot_be_chosen_as_the_password_it_asks_for(served):
    secret = await prepare(served)
    who = who_by(await log_in(served, "admin", secret))
    answer = await change(served, who, secret, secret)
    assert (answer.status, answer.pointers) == (422, {"/new_password"})
    assert (await served.ask("GET", ME, who=who)).body["must_change_password"] is True


async def test_it_counts_for_three_days_and_sounds_like_a_wrong_one_afterwards(served):
    secret = await prepare(served)
    served.clock.pass_s(72 * 3600 - 1)
    assert await prepare(served) is None
    served.clock.pass_s(1)
    late, wrong = await log_in(served, "admin", secret), await log_in(served, "admin", "errada errada")
    assert late.status == 401
    assert late.raw == wrong.raw


@pytest.mark.parametrize("how", ["expired", "used", "file lost", "file of another database"])
async def test_the_next_start_makes_another_when_nobody_could_get_in(served, file, how):
    first = await prepare(served)
    session = None
    if how == "expired":
        served.clock.pass_s(72 * 3600)
    elif how == "used":
        session = who_by(await log_in(served, "admin", first))
    elif how == "file lost":
        file.unlink()
    else:
        file.write_text(file.read_text("utf-8").replace(first, "abcd-efgh-jkmn-pqrs-tuvw"), "utf-8")
    second = await prepare(served)
    assert second
    assert second != first
    assert second in file.read_text("utf-8")
    assert (await log_in(served, "admin", first)).status == 401
    if session:
        assert (await served.ask("GET", ME, who=session)).status == 401
    assert (await log_in(served, "admin", second)).status == 200
    assert len(await served.base.people.list()) == 1


async def test_a_start_while_it_counts_makes_no_other(served, file):
    secret, text = await prepare(served), file.read_text("utf-8")
    served.clock.pass_s(60)
    assert await prepare(served) is None
    assert file.read_text("utf-8") == text
    assert (await log_in(served, "admin", secret)).status == 200


async def test_a_box_with_people_makes_nobody(served, file):
    fields = PersonFields("chefe", Role.SUPERADMIN)
    await served.base.people.add(fields, NEW, CONSOLE)
    assert await prepare(served) is None
    assert not file.exists()
    assert [person.name for person in await served.base.people.list()] == ["chefe"]


async def test_one_that_is_open_is_left_alone_beside_somebody_who_can_get_in(served, file):
    secret = await prepare(served)
    await served.base.people.add(PersonFields("chefe", Role.SUPERADMIN), NEW, CONSOLE)
    assert await prepare(served) is None
    assert secret in file.read_text("utf-8")
    served.clock.pass_s(80 * 3600)
    assert await prepare(served) is None


async def test_a_reset_at_the_console_is_the_end_of_it(served, file):
    secret = await prepare(served)
    admin = await served.base.people.get_named("admin")
    await served.base.people.reset(admin, NEW, CONSOLE)
    assert (await log_in(served, "admin", secret)).status == 401
    assert (await log_in(served, "admin", NEW)).body["must_change_password"] is False
    assert await prepare(served) is None
    assert not file.exists()
    served.clock.pass_s(80 * 3600)
    assert (await log_in(served, "admin", NEW)).status == 200


async def test_only_the_administrator_of_the_machine_can_read_the_file(served, file):
    file.with_name(f".{file.name}.new").write_text("left by a power cut")
    secret = await prepare(served)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret in file.read_text("utf-8")
    assert [one.name for one in file.parent.iterdir() if "first-login" in one.name] == ["first-login.txt"]


async def test_after_a_power_cut_between_file_and_account_there_is_one_secret_and_it_counts(served, file):
    async def cut(*_, **__):
        raise ConnectionAbortedError

    first = served.base.first_login
    first._add = cut
    with pytest.raises(ConnectionAbortedError):
        await first.prepare()
    assert file.exists()
    secret = await prepare(served)
    assert secret in file.read_text("utf-8")
    assert (await log_in(served, "admin", secret)).status == 200


async def test_a_clock_that_was_wrong_at_first_costs_a_restart_and_no_more(served):
    right = served.clock.wall
    served.clock.wall = 0
    early = await prepare(served)
    served.clock.wall = right
    assert (await log_in(served, "admin", early)).status == 401
    secret = await prepare(served)
    assert (await log_in(served, "admin", secret)).status == 200


async def test_the_console_is_told_plainly_once_and_the_log_not_at_all(served, capsys):
    await tell_first_secret(served.base)
    said = capsys.readouterr().out
    (secret,) = {found.group() for found in SECRET.finditer(said)}
    assert said.count(secret) == 1
    line = next(line for line in said.splitlines() if secret in line)
    assert line.strip() == f"password: {secret}"
    await tell_first_secret(served.base)
    assert secret not in capsys.readouterr().out
    assert (await log_in(served, "admin", secret)).status == 200


async def test_a_database_that_was_lost_begins_anew(tmp_path):
    async with serve(tmp_path) as served:
        first = await prepare(served)
        who = who_by(await log_in(served, "admin", first))
        assert (await change(served, who, first)).status == 204
        database = served.base.settings.database
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    async with serve(tmp_path) as served:
        second = await prepare(served)
        assert (await log_in(served, "admin", second)).status == 200


async def test_nobody_else_uses_up_the_secret(served):
    secret = await prepare(served)
    await served.base.people.add(PersonFields("chefe", Role.SUPERADMIN), NEW, CONSOLE)
    assert (await log_in(served, "chefe", NEW)).status == 200
    assert (await log_in(served, "admin", "errada errada")).status == 401
    assert (await log_in(served, "admin", secret)).status == 200
