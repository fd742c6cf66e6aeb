"""The daemon is killed in the middle of a package, and the line is cut: the store gets the package, once and whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from functools import partial
from pathlib import Path

from tests.support.object_store import KEY, SECRET, Store, storing
from tests.support.processes import until
from tests.support.site import Site

MIB = 1 << 20
PUBLIC_ID = "33333333-3333-4333-8333-333333333333"


async def test_a_package_arrives_whole_whatever_is_killed_and_cut(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n", "utf-8")
    async with storing(tmp_path) as store:
        archive = {
            "endpoint": store.line.url,
            "bucket": "site",
            "access_key": KEY,
            "secret_file": str(secret),
            "snapshots": False,
            "bytes_per_s": 12 * MIB,
        }
        async with Site(tmp_path, archive=archive, outbox={"networks": ["127.0.0.0/8"]}) as site:
            digest = await asyncio.to_thread(put_package, site, 50 * MIB)
            await site.start()
            for parts in (2, 4):
                await until(partial(arrived, store, parts), 60, f"{parts} parts have arrived")
                await site.stop_vmsd(signal.SIGKILL)
                await site.start_vmsd()
            store.line.cut()

            async def done() -> bool:
                return any("/packages/" in name for name in store.names())

            await until(done, 90, "the package is in the store")
            (name,) = [name for name in store.names() if "/packages/" in name]
            assert hashlib.sha256(store.read(name)).hexdigest() == digest
            assert store.line.out_bytes < (50 + 4 * 8) * MIB
            metrics = (await site.ask("GET", "/metrics"))[1].decode()
            assert "vmsd_archive_up 1.0" in metrics
            assert not any(SECRET in text for text in await asyncio.to_thread(logs_in, tmp_path))


async def arrived(store: Store, parts: int) -> bool:
    return any(store.parts(upload) >= parts for upload in store.uploads())


def put_package(site: Site, size: int) -> str:
    """As the exporter leaves one."""
    folder = site.recordings / ".exports" / PUBLIC_ID
    folder.mkdir(parents=True)
    content = os.urandom(MIB) * (size // MIB)
    (folder / "pacote.zip").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    result = {"file": {"name": "pacote.zip", "bytes": size, "sha256": digest}, "cameras": []}
    site.sql(
        """INSERT INTO export (city_id, id, public_id, format, start_ms, end_ms, reason, request_number, state,
        attempts, done_bytes, total_bytes, created_ms, changed_ms, ended_ms, expires_ms, result)
        SELECT id, 1, :public_id, 'package', 1, 2, 'r', 'n', 'done', 1, 1, 1, 1, 1, 1, 9999999999999, :result
        FROM city""",
        public_id=PUBLIC_ID,
        result=json.dumps(result),
    )
    return digest


def logs_in(folder: Path) -> list[str]:
    return [log.read_text("utf-8", "replace") for log in folder.glob("*.log")]
