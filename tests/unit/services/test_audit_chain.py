"""Ten thousand tamperings are all named, each at its row; a thousand clean chains raise no alarm."""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.tasks.recording_box import NOW_MS
from vmsd.host.signing import BoxKey
from vmsd.model.audit import GENESIS, Fault, Flaw, Head, Record, hash_of, statement
from vmsd.services.audit_chain import Chain, find_true_place

KEY = BoxKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROWS = 12
SIGNED = 9
TAMPERINGS = 10_000
NUMBERS = ["version", "city_id", "at_ms", "clock_trusted"]
TEXTS = [name for name in Record._fields if name not in {*NUMBERS, "seq", "previous", "hash"}]


def signed(head: Head) -> bool:
    return KEY.signed(statement(head), head.signature)


def chain_of(chance: random.Random, rows: int = ROWS) -> list[Record]:
    made: list[Record] = []
    for seq in range(1, rows + 1):
        texts = {name: "".join(chance.choices('aé"\\\n📹=,[]', k=chance.randint(0, 9))) for name in TEXTS}
        previous = made[-1].hash if made else GENESIS
        record = Record(version=1, seq=seq, city_id=1, at_ms=NOW_MS + seq, clock_trusted=1, previous=previous, **texts)
        made.append(record._replace(hash=hash_of(record)))
    return made


def head_of(rows: list[Record]) -> Head:
    head = Head(SIGNED, rows[SIGNED - 1].hash, NOW_MS, True, KEY.public_key)
    return Head(head.seq, head.hash, head.at_ms, head.clock_trusted, head.public_key, KEY.sign(statement(head)))


def check(rows: list[Record], head: Head | None) -> Fault | None:
    chain = Chain(signed)
    heads = [head] if head and rows and head.seq <= rows[-1].seq else []
    return chain.follow(rows, heads) or chain.end(head)


def change(chance: random.Random, rows: list[Record]) -> Fault:
    at = chance.randrange(len(rows))
    name = chance.choice([*TEXTS, *NUMBERS, "previous", "hash"])
    value = getattr(rows[at], name)
    if isinstance(value, bytes):
        place = chance.randrange(32)
        value = value[:place] + bytes([value[place] ^ 1 << chance.randrange(8)]) + value[place + 1 :]
    elif isinstance(value, int):
        value ^= 1 << chance.randrange(40)
    else:
        value = chance.choice([None, value + "x", value[:-1] if value else "y", f" {value}"])
    rows[at] = rows[at]._replace(**{name: value})
    return Fault(at + 1, Flaw.CHANGED)


def remove(chance: random.Random, rows: list[Record]) -> Fault:
    at = chance.randrange(len(rows) - 1)
    del rows[at]
    return Fault(at + 1, Flaw.MISSING)


def swap(chance: random.Random, rows: list[Record]) -> Fault:
    one, other = sorted(chance.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other]._replace(seq=one + 1), rows[one]._replace(seq=other + 1)
    assert find_true_place(rows[one], len(rows)) == other + 1
    return Fault(one + 1, Flaw.CHANGED)


def cut(chance: random.Random, rows: list[Record]) -> Fault:
    left = chance.randrange(SIGNED)
    del rows[left:]
    return Fault(left + 1, Flaw.TRUNCATED)


def make_fit_again(chance: random.Random, rows: list[Record]) -> Fault:
    first = chance.randrange(SIGNED)
    rows[first] = rows[first]._replace(reason="another")
    for at in range(first, len(rows)):
        record = rows[at]._replace(previous=rows[at - 1].hash if at else GENESIS)
        rows[at] = record._replace(hash=hash_of(record))
    return Fault(SIGNED, Flaw.REWRITTEN)


def test_ten_thousand_tamperings_are_all_named():
    chance = random.Random(2026)
    clean = chain_of(chance)
    head = head_of(clean)
    for number in range(TAMPERINGS):
        tamper = (change, remove, swap, cut, make_fit_again)[number % 5]
        rows = list(clean)
        fault = tamper(chance, rows)
        assert check(rows, head) == fault, (number, tamper.__name__)


def test_a_thousand_clean_chains_raise_no_alarm():
    chance = random.Random(2027)
    for _ in range(1000):
        rows = chain_of(chance)
        assert check(rows, head_of(rows)) is None
        assert check(rows[: SIGNED - 1], None) is None
