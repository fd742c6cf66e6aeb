"""What must outlive the box arrives in the store, whole and once, whatever breaks in between; video never does."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import psutil
import pyrage
import pytest
from pydantic import ValidationError

from tests.support.object_store import BUCKET, KEY, SECRET, Store, storing
from tests.support.receivers import receiving
from tests.unit.tasks.recording_box import NOW_MS, Box, HandClock, open_box
from vmsd.clock import SystemClock
from vmsd.config import Archive as Rules
from vmsd.host.aws_signature import StoreKey
from vmsd.host.clocksync import KernelClock
from vmsd.host.keys import load_keys
from vmsd.host.object_store import ObjectStore, StoreAway, StorePlace, StoreRefused, _parts
from vmsd.host.outgoing import HttpSender, pinned_context
from vmsd.host.signing import load_box_key
from vmsd.model.audit import Action, Entry
from vmsd.services.archive import MIB, PART_BYTES, Archive, part_bytes_of, whole_parts
from vmsd.services.archive_sources import DAY_MS, ArchiveSources
from vmsd.services.export_room import folder_of
from vmsd.services.outgoing_places import outgoing_places
from vmsd.store.archive import ArchiveItems, Kind
from vmsd.tasks.archiver import Archiver
from vmsd.tasks.backup import Backup, find_newest_snapshot

CITY = "11111111-1111-4111-8111-111111111111"
SLEEPLESS = 1 << 40
"""Bytes a second: no pause."""


@dataclass
class Setup:
    box: Box
    store: Store
    archive: Archive
    task: Archiver
    items: ArchiveItems

    async def run(self, steps: int = 200, until_idle: bool = True) -> int:
        """Passes of the task until there is nothing left, or so many; the clock goes on over every pause."""
        for done in range(steps):
            await self.task.once()
            if self.archive.pause_s:
                self.box.clock.pass_s(self.archive.pause_s + 0.1)
            elif until_idle and not self.archive.state.items:
                return done + 1
        return steps

    async def collect(self) -> None:
        self.box.clock.pass_s(61)
        await self.archive.collect()

    @property
    def key(self) -> str:
        return load_box_key(self.box.settings.data_dir).fingerprint[:16]


def client_of(box: Box, line: str, clock: Any = None, ca_file: Path | None = None, networks: str = "127.0.0.0/8"):
    rules = box.settings.outbox.model_copy(update={"networks": (ip_network(networks),)})
    places = outgoing_places(box.settings.model_copy(update={"outbox": rules}))
    http = HttpSender(places.find, 5, ca_file, pinned=ca_file is not None)
    return http, ObjectStore(http, StorePlace(line, BUCKET), StoreKey(KEY, "us-east-1", SECRET), clock or SystemClock())


@asynccontextmanager
async def setup(
    tmp_path: Path, *, locked: bool = False, identity: pyrage.x25519.Identity | None = None, **rules: Any
) -> AsyncIterator[Setup]:
    async with storing(tmp_path, locked=locked) as store, opened(tmp_path, store, identity, **rules) as made:
        yield made


@asynccontextmanager
async def opened(
    tmp_path: Path, store: Store, identity: pyrage.x25519.Identity | None = None, **rules: Any
) -> AsyncIterator[Setup]:
    clock = HandClock(SystemClock().wall_ms())
    async with open_box(tmp_path, clock=clock) as box:
        box.kernel = KernelClock(synchronised=True)
        load_keys(box.settings.data_dir)
        chosen = Rules(endpoint=store.line.url, bucket=BUCKET, access_key=KEY, **{"bytes_per_s": SLEEPLESS} | rules)
        http, client = client_of(box, store.line.url)
        items = ArchiveItems(box.database)
        recordings, data = box.settings.recordings_dir, box.settings.data_dir
        sources = ArchiveSources(
            items,
            recordings,
            data,
            load_box_key(data),
            clock,
            chosen,
            str(identity.to_public()) if identity else None,
            lambda: find_newest_snapshot(recordings),
        )
        archive = Archive(client, items, sources, box.database, box.audit, box.watch, clock, chosen)
        try:
            yield Setup(box, store, archive, Archiver(archive, box.keeper, clock), items)
        finally:
            archive.close()
            await http.close()


async def package(box: Box, content: bytes | int, number: int = 1) -> tuple[str, Path]:
    """A finished sealed package, as far as the archive looks at it; a number is of that many bytes."""
    public_id = f"22222222-2222-4222-8222-{number:012d}"
    folder = folder_of(box.settings.recordings_dir, public_id)
    folder.mkdir(parents=True)
    file = folder / "pacote.zip"
    hashed = hashlib.sha256()
    with file.open("wb") as opened:
        for piece in (content,) if isinstance(content, bytes) else (os.urandom(MIB) for _ in range(content // MIB)):
            hashed.update(piece)
            opened.write(piece)
    told = {"file": {"name": file.name, "bytes": file.stat().st_size, "sha256": hashed.hexdigest()}, "cameras": []}
    async with box.database.write() as transaction:
        await transaction.execute(
            """INSERT OR IGNORE INTO city (id, public_id, name, status, plan, created_ms, changed_ms)
            VALUES (1, :city, 'Cidade', 'active', 'basic', 1, 1)""",
            {"city": CITY},
        )
        await transaction.execute(
            """INSERT INTO export (city_id, id, public_id, format, start_ms, end_ms, reason, request_number, state,
            attempts, done_bytes, total_bytes, created_ms, changed_ms, ended_ms, result)
            VALUES (1, :number, :id, 'package', 1, 2, 'r', 'n', 'done', 1, 1, 1, 1, 1, :number, :result)""",
            {"number": number, "id": public_id, "result": json.dumps(told)},
        )
    return public_id, file


async def test_a_package_the_heads_and_an_encrypted_snapshot_arrive_and_nothing_else(tmp_path: Path):
    identity = pyrage.x25519.Identity.generate()
    async with setup(tmp_path, identity=identity) as made:
        box = made.box
        camera = await box.camera()
        camera.record(NOW_MS - 60_000)
        await box.scan()
        public_id, file = await package(box, os.urandom(3 * MIB))
        await box.audit.record(Entry(Action.INDEX_REBUILT))
        head = await box.audit.sign_head()
        await Backup(box.database, box.settings.recordings_dir, box.watch, box.clock).once()
        await made.run()
        names = made.store.names()
        kinds = sorted(name.split("/")[1] for name in names)
        assert kinds == ["audit-heads", "packages", "snapshots"]
        assert all(name.startswith(f"{made.key}/") for name in names)
        heads, sealed, snapshot = (made.store.read(name) for name in sorted(names))
        assert sealed == file.read_bytes()
        assert [one["hash"] for one in json.loads(heads)["heads"]] == [head.hash.hex()]
        assert b"SQLite format 3" not in snapshot
        assert b"SQLite format 3" in pyrage.decrypt(snapshot, [identity])
        assert not list(box.settings.recordings_dir.rglob("*.age"))
        rows = await box.database.read("SELECT city_id, subject, facts FROM audit WHERE action = 'archive.sent'")
        assert sorted((row["city_id"], row["subject"]) for row in rows if row["subject"]) == [(1, public_id)]
        sent = len(names)
        await made.collect()
        await made.run()
        assert len(made.store.names()) == sent


async def test_a_snapshot_is_sent_once_a_day_and_one_that_still_waits_makes_room(tmp_path: Path):
    async with setup(tmp_path, identity=pyrage.x25519.Identity.generate()) as made:
        await Backup(made.box.database, made.box.settings.recordings_dir, made.box.watch, made.box.clock).once()
        made.store.line.closed = True
        for _ in range(3):
            await made.task.once()
            made.box.clock.pass_s(DAY_MS / 1000 + 1)
            made.box.keeper.look()
            await made.archive.collect()
        assert len(await made.items.waiting(Kind.SNAPSHOT)) == 1
        assert len(list(made.box.settings.recordings_dir.rglob("*.age"))) == 1
        assert made.archive.state.trouble
        assert not made.archive.state.behind(made.box.clock.wall)
        assert made.archive.state.behind(made.box.clock.wall + DAY_MS + 1)


async def test_a_large_package_survives_cuts_and_no_part_is_sent_twice_without_need(tmp_path: Path):
    async with setup(tmp_path) as made:
        _, file = await package(made.box, 6 * PART_BYTES + MIB)
        line, size = made.store.line, 6 * PART_BYTES + MIB
        for part in (1.5, 3.5, 5.2):
            line.cut_after = round(part * PART_BYTES)
            while line.cut_after is not None:
                await made.run(1)
        await made.run()
        assert (line.cuts, made.archive.state.items) == (3, 0)
        (name,) = made.store.names()
        assert hashlib.sha256(made.store.read(name)).digest() == hashlib.sha256(file.read_bytes()).digest()
        assert line.out_bytes < size + 4 * PART_BYTES
        assert made.store.uploads() == []


@pytest.mark.parametrize("lost", ["the answer to finish", "the upload", "a part"])
async def test_what_the_store_has_is_asked_when_it_is_not_known(tmp_path: Path, lost: str):
    async with setup(tmp_path) as made:
        _, file = await package(made.box, 2 * PART_BYTES)
        await made.collect()
        for _ in range(3):
            assert await made.archive.step()
        item = await made.items.find_next()
        assert (item.sent_bytes, made.store.parts(made.store.uploads()[0])) == (2 * PART_BYTES, 2)
        named = {"Bucket": BUCKET, "Key": item.object, "UploadId": item.upload}
        if lost == "the upload":
            made.store.client.abort_multipart_upload(**named)
        elif lost == "a part":
            await made.items.note_sent(item, item.upload, item.size_bytes)
            made.store.client.upload_part(**named, PartNumber=2, Body=b"short")
        else:
            parts = made.store.client.list_parts(**named)["Parts"]
            told = [{"PartNumber": one["PartNumber"], "ETag": one["ETag"]} for one in parts]
            made.store.client.complete_multipart_upload(**named, MultipartUpload={"Parts": told})
        before = made.store.line.out_bytes
        await made.run()
        assert hashlib.sha256(made.store.read(item.object)).hexdigest() == item.sha256
        assert file.exists()
        again = made.store.line.out_bytes - before
        assert (again > 2 * PART_BYTES, again > PART_BYTES) == (lost == "the upload", lost != "the answer to finish")


async def test_a_package_of_hundreds_of_megabytes_takes_little_memory(tmp_path: Path):
    size = 320 * MIB
    async with setup(tmp_path) as made:
        await package(made.box, size)
        process = psutil.Process()
        before = most = process.memory_info().rss

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        await made.run(100)
        watching.cancel()
        assert made.store.line.out_bytes > size
        print(f"memory over {size // MIB} MiB: +{(most - before) / MIB:.1f} MiB")
        assert most - before < 32 * MIB
        assert made.archive.state.items == 0


async def test_it_is_sent_no_faster_than_allowed(tmp_path: Path):
    async with setup(tmp_path, bytes_per_s=2 * MIB) as made:
        await package(made.box, 3 * MIB)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await made.run()
        assert 1.3 < loop.time() - began_s < 8


async def test_a_bucket_that_offers_it_locks_what_it_gets(tmp_path: Path):
    async with setup(tmp_path, locked=True, lock_days=30) as made:
        await package(made.box, MIB)
        await made.run()
        (name,) = made.store.names()
        assert made.store.client.head_object(Bucket=BUCKET, Key=name)["ObjectLockMode"] == "GOVERNANCE"
        (item,) = await made.items.list(10)
        assert abs(item.locked_until_ms - made.box.clock.wall - 30 * DAY_MS) < 3_600_000


async def test_a_bucket_without_locks_gets_everything_all_the_same(tmp_path: Path):
    async with setup(tmp_path, lock_days=30) as made:
        await package(made.box, MIB)
        await made.run()
        assert [item.locked_until_ms for item in await made.items.list(10)] == [None]


async def test_a_package_that_was_removed_meanwhile_is_given_up_and_cleared_away(tmp_path: Path):
    async with setup(tmp_path) as made:
        await package(made.box, 2 * PART_BYTES)
        await made.collect()
        await made.archive.step()
        assert len(made.store.uploads()) == 1
        async with made.box.database.write() as transaction:
            await transaction.execute("UPDATE export SET removed_ms = 1")
        await made.run()
        assert (made.store.uploads(), made.store.names()) == ([], [])
        (item,) = await made.items.list(10)
        assert "removed" in item.error
        await made.collect()
        assert made.archive.state.items == 0


async def test_only_so_many_packages_wait_and_the_others_come_later(tmp_path: Path):
    async with setup(tmp_path, queued=3) as made:
        for number in range(1, 8):
            await package(made.box, b"x" * 100, number)
        await made.collect()
        assert made.archive.state.items == 3
        for _ in range(3):
            await made.run()
            await made.collect()
        await made.run()
        assert len(made.store.names()) == 7


@pytest.mark.parametrize("size", [MIB, 2 * PART_BYTES])
async def test_a_package_that_is_not_what_was_sealed_is_not_archived_as_if_it_were(tmp_path: Path, size: int):
    async with setup(tmp_path) as made:
        _, file = await package(made.box, size)
        await made.collect()
        with file.open("r+b") as opened:
            opened.seek(size // 2)
            opened.write(b"rotten")
        await made.run()
        assert (made.store.names(), made.store.uploads()) == ([], [])
        (item,) = await made.items.list(10)
        assert "not what it was" in item.error


async def test_a_snapshot_half_sent_is_finished_before_there_is_another(tmp_path: Path):
    """A store that begins uploads and takes no part of them would fill the disk with one a day."""
    async with setup(tmp_path, identity=pyrage.x25519.Identity.generate()) as made:
        await Backup(made.box.database, made.box.settings.recordings_dir, made.box.watch, made.box.clock).once()
        await made.archive.collect()
        (first,) = await made.items.waiting(Kind.SNAPSHOT)
        await made.items.note_sent(first, "begun", 0)
        for _ in range(3):
            made.box.clock.pass_s(DAY_MS / 1000 + 1)
            made.box.keeper.look()
            await made.archive.collect()
        assert [item.id for item in await made.items.waiting(Kind.SNAPSHOT)] == [first.id]
        assert len(list(made.box.settings.recordings_dir.rglob("*.age"))) == 1


async def test_nothing_is_written_for_the_archive_while_the_volume_has_no_room(tmp_path: Path):
    async with setup(tmp_path, identity=pyrage.x25519.Identity.generate()) as made:
        await Backup(made.box.database, made.box.settings.recordings_dir, made.box.watch, made.box.clock).once()
        made.box.watch.breaker = replace(made.box.watch.breaker, open=True)
        await package(made.box, MIB)
        await made.run()
        assert [name.split("/")[1] for name in made.store.names()] == ["packages"]
        assert not list(made.box.settings.recordings_dir.rglob("*.age"))


async def test_what_cannot_be_collected_keeps_nothing_else_from_being_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with setup(tmp_path) as made:
        await package(made.box, MIB)
        await made.collect()

        async def fail() -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(made.archive, "collect", fail)
        with pytest.raises(OSError, match="Input"):
            await made.task.once()
        await made.task.once()
        assert len(made.store.names()) == 1


async def test_who_wants_a_lock_and_may_not_ask_for_it_sends_nothing_unlocked(tmp_path: Path):
    async with open_box(tmp_path) as box, receiving() as receiver:
        http, store = client_of(box, f"http://127.0.0.1:{receiver.port}")
        for receiver.status, offered in ((404, False), (501, False), (403, None)):
            if offered is None:
                with pytest.raises(StoreRefused, match="403"):
                    await store.offers_lock()
            else:
                assert await store.offers_lock() is offered
        await http.close()
        assert all(headers["Accept-Encoding"] == "identity" for headers, _ in receiver.raw)


async def test_a_store_that_takes_for_ever_is_trouble_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vmsd.services.archive.STEP_S", 0.2)
    async with setup(tmp_path, bytes_per_s=MIB) as made:
        await package(made.box, 4 * MIB)
        await made.collect()
        assert await made.archive.step()
        assert "0.2 s" in made.archive.state.trouble
        assert made.archive.pause_s
        (item,) = await made.items.list(10)
        assert item.tries == 1


async def test_an_error_of_the_disk_is_not_taken_for_one_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def read(*_: Any) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    async with setup(tmp_path) as made:
        await package(made.box, MIB)
        await made.collect()
        monkeypatch.setattr("vmsd.services.archive_reading._read", read)
        assert await made.archive.step()
        assert made.archive.state.trouble == "Input/output error"
        monkeypatch.undo()
        await made.run()
        assert (made.archive.state.trouble, len(made.store.names())) == (None, 1)


@pytest.mark.parametrize("piece", [b"<Part>", b"<Size>", b"<Part><ETag>"])
def test_a_list_of_parts_that_means_harm_is_read_in_no_time(piece: bytes):
    body = b"<Part>" + piece * (MIB // len(piece))
    began_s = time.process_time()
    assert _parts(body) == []
    assert time.process_time() - began_s < 1


async def test_nothing_is_sent_while_the_clock_is_not_trusted(tmp_path: Path):
    async with setup(tmp_path) as made:
        await package(made.box, MIB)
        made.box.clock.wall -= 20 * 365 * DAY_MS
        made.box.kernel = KernelClock(synchronised=False)
        await made.run(3)
        assert made.store.line.connections == 0


async def test_the_store_is_called_only_where_news_may_go_and_no_redirect_is_followed(tmp_path: Path):
    async with open_box(tmp_path) as box, receiving() as receiver, receiving() as elsewhere:
        http, store = client_of(box, f"http://127.0.0.1:{receiver.port}", networks="10.1.0.0/16")
        with pytest.raises(StoreAway):
            await store.find("x")
        await http.close()
        assert receiver.asked == 0
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        http, store = client_of(box, f"http://127.0.0.1:{receiver.port}")
        with pytest.raises(StoreRefused, match="elsewhere"):
            await store.begin("x", "00", None)
        await http.close()
        assert (receiver.asked, elsewhere.asked) == (1, 0)


async def test_with_a_pinned_authority_no_other_one_counts(tmp_path: Path):
    right, wrong = [await asyncio.to_thread(certificate_in, tmp_path / name) for name in ("right", "wrong")]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*right)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, open_box(tmp_path) as box:
        for ca_file, expected in ((right[0], StoreRefused), (wrong[0], StoreAway)):
            http, store = client_of(box, f"https://127.0.0.1:{port}", ca_file=ca_file)
            with pytest.raises(expected):
                await store.begin("x", "00", None)
            await http.close()
    assert pinned_context(right[0]).cert_store_stats()["x509_ca"] == 1


def certificate_in(folder: Path) -> tuple[Path, Path]:
    folder.mkdir()
    files = folder / "certificate.pem", folder / "key.pem"
    about = ("-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-out", files[0], "-keyout", files[1])
    words = ["openssl", "req", "-x509", *map(str, made), *about]
    subprocess.run(words, check=True, timeout=30, capture_output=True)
    return files


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "https://10.0.0.1", "virtual_host": True},
        {"endpoint": "https://[fd00::1]:9000", "virtual_host": True},
        {"endpoint": "https://store.example:99999"},
        {"endpoint": "https://store.example:0"},
        {"prefix": "a/../"},
    ],
)
def test_a_place_that_is_none_is_refused_at_the_start_and_not_at_every_try(wrong: dict[str, Any]):
    rules = {"endpoint": "https://store.example", "bucket": BUCKET, "access_key": KEY, "prefix": "a/b.c/"}
    assert Rules(**rules, virtual_host=True)
    with pytest.raises(ValidationError):
        Rules(**rules | wrong)


def test_the_parts_of_one_size_are_always_the_same_and_never_too_many():
    for size in (1, PART_BYTES, 80 * 1024 * MIB, 5 * 1024 * 1024 * MIB):
        part = part_bytes_of(size)
        assert part >= PART_BYTES
        assert -(-size // part) <= 10_000
    assert whole_parts([], 1) == 0
