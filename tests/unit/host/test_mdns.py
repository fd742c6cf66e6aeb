"""The box answers to its name on the network, follows its addresses, and steps aside for another machine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address

import pytest
from zeroconf import AddressResolver, DNSQuestionType, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from tests.support.processes import until
from vmsd.errors import Conflict
from vmsd.host import mdns
from vmsd.host.mdns import SERVICE, Announcement, Announcer

LO = ip_address("127.0.0.1")
V6 = ip_address("fd00::77")


@pytest.fixture
async def other() -> AsyncIterator[AsyncZeroconf]:
    """Another machine on the network of loopback."""
    other = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    yield other
    await other.async_close()


@pytest.fixture
async def announcer() -> AsyncIterator[Announcer]:
    announcer = Announcer()
    yield announcer
    await announcer.withdraw()


def announcement(*addresses, **fields) -> Announcement:
    """With a name no other test has."""
    word = secrets.token_hex(6)
    return replace(Announcement(f"vmsd-{word}", f"Portaria {word}", 8443, addresses or (LO, V6)), **fields)


async def resolve(other: AsyncZeroconf, name: str) -> set[str]:
    asked = AddressResolver(f"{name}.local.")
    await asked.async_request(other.zeroconf, 1500, question_type=DNSQuestionType.QM)
    return {str(one) for one in asked.ip_addresses_by_version(IPVersion.All)}


async def take(other: AsyncZeroconf, name: str, address: str) -> None:
    info = AsyncServiceInfo(
        "_other._tcp.local.", f"{name}._other._tcp.local.", port=1, server=f"{name}.local.",
        addresses=[ip_address(address).packed],
    )  # fmt: skip
    await (await other.async_register_service(info))


async def test_the_name_leads_to_the_box(announcer, other):
    said = announcement()
    await announcer.announce(said)
    assert announcer.announced == said
    assert await resolve(other, said.name) == {"127.0.0.1", "fd00::77"}


async def test_the_https_service_is_found_with_its_port(announcer, other):
    said = announcement(title="Prefeitura de S. João · câmeras " + "x" * 99)
    await announcer.announce(said)
    title = said.title.encode()[:56].decode(errors="ignore")
    info = AsyncServiceInfo(SERVICE, f"{title}.{SERVICE}")
    assert await info.async_request(other.zeroconf, 3000)
    assert (info.port, info.server, info.properties[b"path"]) == (8443, f"{said.name}.local.", b"/")


async def test_new_addresses_are_told(announcer, other):
    said = announcement()
    await announcer.announce(said)
    assert await resolve(other, said.name)
    await announcer.announce(replace(said, addresses=(LO, ip_address("fd00::78"))))

    async def moved() -> bool:
        return await resolve(other, said.name) == {"127.0.0.1", "fd00::78"}

    await until(moved, 10, "the new address is known")


async def test_the_same_again_says_nothing(announcer, monkeypatch):
    said = announcement()
    await announcer.announce(said)
    before = announcer._zeroconf
    await announcer.announce(replace(said))
    assert announcer._zeroconf is before


async def test_a_name_another_machine_has_gets_a_number(announcer, other):
    said = announcement()
    await take(other, said.name, "192.0.2.77")
    await announcer.announce(said)
    assert announcer.announced == replace(said, name=f"{said.name}-2")
    assert await resolve(other, f"{said.name}-2") == {"127.0.0.1", "fd00::77"}


async def test_another_program_on_this_box_may_have_told_the_name_already(announcer, other):
    said = announcement()
    await take(other, said.name, "127.0.0.1")
    await announcer.announce(said)
    assert announcer.announced == said


async def test_when_all_names_are_taken_there_is_an_error_and_then_another_try(announcer, other, monkeypatch):
    monkeypatch.setattr(mdns, "NAMES", 1)
    said = announcement()
    await take(other, said.name, "192.0.2.77")
    with pytest.raises(Conflict):
        await announcer.announce(said)
    assert announcer.announced is None
    await other.async_unregister_all_services()
    await announcer.announce(said)
    assert announcer.announced == said


async def test_goodbye_is_said(announcer, other):
    said = announcement()
    await announcer.announce(said)
    assert await resolve(other, said.name)
    await announcer.withdraw()

    async def gone() -> bool:
        return not await resolve(other, said.name)

    await until(gone, 10, "the name is forgotten")


async def test_a_box_without_addresses_says_nothing(announcer):
    await announcer.announce(announcement(V6))
    assert announcer.announced is None
    assert announcer._zeroconf is None
