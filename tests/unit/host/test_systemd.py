"""What systemd is told, read back from the other end of its socket."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmsd.host.systemd import Notifier, notifier_of


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    name = f"\0vmsd-test-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(name)
        one.settimeout(5)
        yield one


def address_of(listener: socket.socket) -> str:
    name = listener.getsockname()
    return "@" + name[1:].decode() if isinstance(name, bytes) else str(name)


def test_what_is_said_arrives_in_systemds_words(listener: socket.socket) -> None:
    notifier = notifier_of({"NOTIFY_SOCKET": address_of(listener), "WATCHDOG_USEC": "30000000"})
    notifier.ready("listening at\nhttps://box")
    notifier.alive()
    notifier.stopping()
    said = [listener.recv(4096).decode() for _ in range(3)]
    assert said == ["READY=1\nSTATUS=listening at https://box", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"]
    assert notifier.watchdog_s == 30


def test_a_listener_that_reads_nothing_never_holds_anybody_up(listener: socket.socket) -> None:
    notifier = Notifier(address_of(listener))
    for _ in range(10_000):  # many times what the kernel keeps for a listener
        notifier.alive()


def test_where_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    assert not notifier_of({}).listened_to
    notifier_of({}).ready("here")
    Notifier(str(tmp_path / "nobody")).ready("here")


def test_a_watchdog_of_another_process_is_none() -> None:
    own, other = str(os.getpid()), str(os.getpid() + 1)
    facts = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000"}
    assert notifier_of(facts | {"WATCHDOG_PID": own}).watchdog_s == 1
    assert notifier_of(facts | {"WATCHDOG_PID": other}).watchdog_s is None
    assert notifier_of(facts | {"WATCHDOG_USEC": "no number"}).watchdog_s is None
