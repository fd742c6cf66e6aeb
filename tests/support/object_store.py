"""An S3-compatible store of somebody else's, in a process of its own, and a line to it that can be cut."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.config

from tests.support.ports import free_port
from tests.support.processes import Process, until

KEY, SECRET = "vmsd-test", "canary-secret-of-the-store"
BUCKET = "site"


@dataclass
class Line:
    """A TCP proxy. It breaks every connection once `cut_after` bytes have gone out; `closed` lets nobody in."""

    port: int
    target: int
    cut_after: int | None = None
    closed: bool = False
    out_bytes: int = 0
    cuts: int = 0
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Everything that is open, at once."""
        self.cuts += 1
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.closed:
            writer.transport.abort()
            return
        with suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers |= {writer, forth}
            await asyncio.gather(self._copy(reader, forth, counted=True), self._copy(back, writer, counted=False))
        self._writers.discard(writer)
        writer.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counted: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if counted:
                    self.out_bytes += len(data)
                    if self.cut_after is not None and self.out_bytes >= self.cut_after:
                        self.cut_after = None
                        self.cut()
                target.write(data)
                await target.drain()
        target.close()


@dataclass
class Store:
    """`line` is how the box gets there; `client` looks past it."""

    port: int
    line: Line
    client: Any

    def put_bucket(self, *, locked: bool = False) -> None:
        self.client.create_bucket(Bucket=BUCKET, **({"ObjectLockEnabledForBucket": True} if locked else {}))

    def names(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def uploads(self) -> list[dict[str, Any]]:
        return self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def parts(self, upload: dict[str, Any]) -> int:
        found = self.client.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(found.get("Parts", []))

    def read(self, name: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read()


@asynccontextmanager
async def storing(folder: Path, *, locked: bool = False) -> AsyncIterator[Store]:
    port = free_port()
    log = folder / "store.log"
    process = await Process.start(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port, log=log)
    try:

        async def listens() -> bool:
            assert process.running, process.output()
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(listens, 30, "the store listens")
        async with line_to(port) as line:
            store = Store(port, line, _client(port))
            store.put_bucket(locked=locked)
            yield store
            store.client.close()
    finally:
        await process.end()


@asynccontextmanager
async def line_to(target: int) -> AsyncIterator[Line]:
    line = Line(0, target)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()
        await server.wait_closed()


def _client(port: int) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
