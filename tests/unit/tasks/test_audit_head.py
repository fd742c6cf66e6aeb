"""The log's end is signed when it has moved, and what is signed can be checked with the public key alone."""

from __future__ import annotations

import sqlite3

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.unit.tasks.recording_box import HOUR_MS, NOW_MS, Box
from vmsd.host.signing import load_box_key
from vmsd.model.audit import Action, Entry, Flaw
from vmsd.services.audit import AuditLog
from vmsd.store.audit import Audit
from vmsd.tasks.audit_head import AuditHead
from vmsd.tasks.base import Runner


@pytest.fixture
def log(box: Box) -> AuditLog:
    return AuditLog(box.database, load_box_key(box.settings.data_dir), box.clock, lambda: box.keeper.trusted)


async def test_an_empty_log_is_not_signed(box: Box, log: AuditLog):
    await AuditHead(log).once()
    assert await Audit(box.database).last_head() is None


async def test_a_head_is_signed_when_the_log_has_moved_and_only_then(box: Box, log: AuditLog):
    task = AuditHead(log)
    for rows in (3, 0, 1):
        for _ in range(rows):
            await log.record(Entry(Action.LOGIN_DONE))
        await task.once()
        box.clock.pass_s(3600)
    heads = await Audit(box.database).heads(0, 100)
    assert [(head.seq, head.at_ms) for head in heads] == [(3, NOW_MS), (4, NOW_MS + 2 * HOUR_MS)]
    assert (await log.verify()).valid


async def test_whoever_has_the_public_key_can_check_a_head(box: Box, log: AuditLog):
    """As its description says, with the table and the key's PEM alone."""
    await log.record(Entry(Action.DAEMON_STARTED))
    await AuditHead(log).once()
    key = load_box_key(box.settings.data_dir)
    with sqlite3.connect(box.database.path) as connection:
        seq, row_hash, at_ms, _, _, signature = connection.execute("SELECT * FROM audit_head").fetchone()
    said = (
        f"vmsd audit head v1 of box {key.fingerprint}\nrow {seq}\nhash {row_hash.hex()}\ntime {at_ms}\nclock trusted\n"
    )
    public = load_pem_public_key(key.public_pem.encode())
    public.verify(signature, said.encode())
    with pytest.raises(InvalidSignature):
        public.verify(signature, said.replace("trusted", "untrusted").encode())


async def test_a_head_of_a_doubtful_time_says_so(box: Box, log: AuditLog):
    await log.record(Entry(Action.DAEMON_STARTED))
    box.clock.wall += 30 * HOUR_MS
    box.keeper.look()
    await AuditHead(log).once()
    head = await Audit(box.database).last_head()
    assert head is not None
    assert not head.clock_trusted


async def test_a_box_with_another_key_does_not_pass_for_this_one(box: Box, log: AuditLog):
    await log.record(Entry(Action.DAEMON_STARTED))
    await AuditHead(log).once()
    (box.settings.data_dir / "keys" / "signing.key").unlink()
    other = AuditLog(box.database, load_box_key(box.settings.data_dir), box.clock, lambda: True)
    verdict = await other.verify()
    assert verdict.fault is not None
    assert verdict.fault.flaw == Flaw.HEAD_FORGED


async def test_a_broken_log_is_a_failing_task_that_everybody_sees(box: Box, log: AuditLog):
    runner = Runner(AuditHead(log), box.clock)
    await log.record(Entry(Action.DAEMON_STARTED))
    await runner.run_once()
    assert runner.pulse.error is None
    for _ in range(3):
        await log.record(Entry(Action.LOGIN_DONE))
    with sqlite3.connect(box.database.path) as connection:
        connection.execute("DROP TRIGGER audit_never_removed")
        connection.execute("DELETE FROM audit WHERE seq = 3")
    await runner.run_once()
    assert runner.pulse.error == "the audit log is broken at row 3: missing"
