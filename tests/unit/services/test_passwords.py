"""What may be a password, and what is the same one."""

from __future__ import annotations

import os

import pytest

from vmsd.errors import Invalid
from vmsd.services.passwords import MAX_LENGTH, NICENESS, Passwords, find_weakness

GOOD = [
    "uma senha de teste",
    "k7mpw-3rtxz",
    "correta bateria",
    "aaaaaaaaab",
    "123456789x",
    "ççççççççéé",
    "  espaços  ",
    "x" * 255 + "y",
    "maria2024!",
    "0123456788",
]
WEAK = [
    "",
    "curta",
    "123456789",
    "x" * 257,
    "aaaaaaaaaa",
    "          ",
    "1234567890",
    "0123456789",
    "9876543210",
    "0987654321",
    "123456789012345",
    "abcdefghij",
    "zyxwvutsrq",
    "QwertyUiop",
    "poiuytrewq",
    "asdfghjklz",
    "abcabcabcabc",
    "1212121212",
    "12341234123",
    "password123",
    "Senha12345",
    "maria joão",
    "MARIA JOA\u0303O",
]


@pytest.mark.parametrize("password", GOOD)
def test_what_nobody_would_guess_at_once_may_be_a_password(password):
    assert find_weakness(password, "maria joão") is None


@pytest.mark.parametrize("password", WEAK, ids=lambda text: repr(text)[:30])
async def test_what_everybody_would_guess_may_not(password):
    with pytest.raises(Invalid) as refused:
        await Passwords().hash(password, "maria joão")
    assert refused.value.problems[0].pointer == "/password"


async def test_a_password_is_the_same_however_it_was_typed():
    passwords = Passwords()
    composed, apart = "coração são", "corac\u0327a\u0303o sa\u0303o"
    for first, second in ((composed, apart), (apart, composed)):
        made = await passwords.hash(first)
        async with passwords.turn():
            assert await passwords.matches(made, second)
            assert not await passwords.matches(made, second.upper())


async def test_what_is_longer_than_a_password_is_none(monkeypatch):
    passwords = Passwords()
    longest = "xy z" * (MAX_LENGTH // 4 - 1) + "abcd"
    made = await passwords.hash(longest)
    assert await passwords.matches(made, longest)
    assert not await passwords.matches(made, longest + "e")


async def test_nobodys_password_is_never_right_and_takes_as_long(monkeypatch):
    passwords, verified = Passwords(), []
    monkeypatch.setattr(passwords, "_verify", lambda *args: verified.append(args) or True)
    assert not await passwords.matches(None, "uma senha de teste")
    assert verified[0][0].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_whoever_hashes_steps_back_and_the_loop_does_not(monkeypatch):
    passwords, found = Passwords(), []

    def verify(*_: str) -> bool:
        found.append(os.getpriority(os.PRIO_PROCESS, 0))
        return True

    before = os.getpriority(os.PRIO_PROCESS, 0)
    monkeypatch.setattr(passwords, "_verify", verify)
    assert await passwords.matches("a hash", "uma senha de teste")
    assert found == [max(before, NICENESS)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
