"""Trouble with the name on the network is told, and stops nothing."""

from __future__ import annotations

import builtins
import errno
import secrets
from ipaddress import ip_address

import pytest

from vmsd.host.mdns import Announcer
from vmsd.tasks.mdns import MdnsTask

LO = (ip_address("127.0.0.1"),)


def task(announcer: Announcer) -> MdnsTask:
    word = secrets.token_hex(6)
    return MdnsTask(announcer, f"vmsd-{word}", f"vmsd {word}", 8443, lambda: LO)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # zeroconf leaves a socket to the collector
async def test_an_address_that_just_went_away_is_trouble_until_the_next_pass():
    announcer = Announcer()
    mdns = task(announcer)
    mdns.addresses = lambda: (ip_address("192.0.2.254"),)
    await mdns.once()
    assert (mdns.trouble, announcer.announced) == ("OSError", None)
    mdns.addresses = lambda: LO
    await mdns.once()
    assert mdns.trouble is None
    assert announcer.announced is not None
    await announcer.withdraw()


async def test_a_network_that_cannot_be_spoken_to_is_tried_again(monkeypatch):
    announcer = Announcer()
    mdns = task(announcer)

    def refuse(*_args, **_named):
        raise OSError(errno.EADDRINUSE, "in use")

    with monkeypatch.context() as patch:
        patch.setattr("zeroconf.asyncio.AsyncZeroconf", refuse)
        await mdns.once()
        assert mdns.trouble == "OSError"
    await mdns.once()
    assert mdns.trouble is None
    assert announcer.announced is not None
    await announcer.withdraw()


async def test_a_box_without_zeroconf_goes_without_a_name(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("zeroconf"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    mdns = task(Announcer())
    monkeypatch.setattr(builtins, "__import__", without)
    await mdns.once()
    assert mdns.trouble == "ModuleNotFoundError"
