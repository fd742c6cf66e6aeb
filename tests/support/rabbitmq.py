"""A RabbitMQ of a test's own: its own folder, ports and port mapper, and nothing of it left afterwards."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Self

import aio_pika
import pytest
from yarl import URL

from tests.support.ports import free_port
from tests.support.processes import Process, until

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")
needs_rabbitmq = pytest.mark.skipif(not (SERVER.exists() and EPMD.exists()), reason="rabbitmq-server is not installed")
START_S = 60


class RabbitMq:
    """Stopped and started again, it has what it had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._dist_port, self._epmd_port = free_port(), free_port(), free_port()
        self._epmd: Process | None = None
        self._server: Process | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        command = (EPMD, "-port", self._epmd_port, "-address", "127.0.0.1", "-relaxed_command_check")
        self._epmd = await Process.start(*command, log=self.folder / "epmd.log")
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self._server, self._epmd):
            if process is not None and process.running:
                await process.end(signal.SIGKILL)

    async def start(self) -> None:
        self._server = await Process.start("/bin/sh", SERVER, log=self.folder / "server.log", env=self._env())
        await until(self._answers, START_S, "RabbitMQ answers", every_s=0.25)

    async def stop(self, number: int = signal.SIGTERM) -> None:
        assert self._server is not None
        await self._server.end(number, within_s=30)

    def _env(self) -> dict[str, str]:
        folder = self.folder
        return {
            "HOME": str(folder),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the broker, and leaves no process behind
            "RABBITMQ_NODENAME": f"vmsd{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }

    async def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.running, self._server.output()
        connection = aio_pika.Connection(URL(self.url))
        try:
            await connection.connect(timeout=5)
        except (aio_pika.exceptions.AMQPException, OSError, TimeoutError):
            return False
        finally:
            await connection.close()
        return True

    async def declare(self, queue: str, exchange: str, key: str) -> None:
        """A queue that stays, for what is published there under this key."""
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            source = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
            declared = await channel.declare_queue(queue, durable=True)
            await declared.bind(source, key)

    async def fetch(self, queue: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
        """All that lies in a queue, taken out."""
        found: list[Any] = []
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            declared = await channel.declare_queue(queue, durable=True)
            while (message := await declared.get(fail=False, no_ack=True)) is not None:
                found.append(message)
        return found
