"""Nobody makes the box call itself or what is not a camera, however the address is spelled."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from vmsd.errors import Invalid
from vmsd.vendors.addresses import CameraNetworks, literal, look_up, refuse_unsafe

_OWN = CameraNetworks(
    own_ports=frozenset({8080, 8888, 9997}),
    own_addresses=frozenset({ip_address("192.168.1.2"), ip_address("fd00::2")}),
)
_LAB = CameraNetworks(
    allowed=(ip_network("127.0.0.0/8"), ip_network("169.254.7.0/24"), ip_network("192.168.1.2/32")),
    own_ports=_OWN.own_ports,
    own_addresses=_OWN.own_addresses,
)

_REFUSED = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0",  # noqa: S104 - no listener
    "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "fe80::1", "fe80::1%eth0", "febf::1",
    "224.0.0.1", "239.255.255.250", "::ffff:224.0.0.1", "ff02::1", "ff05::c",
    "240.0.0.1", "255.255.255.255", "::ffff:255.255.255.255", "198.18.0.1",
    "192.168.1.2", "::ffff:192.168.1.2", "fd00::2", "64:ff9b::c0a8:102", "64:ff9b:1::7f00:1", "192.0.0.8",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "100::1",
]  # fmt: skip
_FINE = [
    "10.0.0.9", "172.16.4.4", "192.168.1.3", "192.168.1.1", "100.64.0.9", "8.8.8.8", "200.160.2.3",
    "fd00::9", "2804:14c::1", "::ffff:10.0.0.9", "64:ff9b::a00:9", "2002:a00:9::",
]  # fmt: skip
_ODD_SPELLINGS = [
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0x7F.0.0.1", "127.1", "127.0.1", "0177.0.0.1",
    "127.0.0.01", "0127.0.0.1", "10.0.0.256", "1.2.3.4.5", "0", "0x0", "00", "127.0.0.1.2", "4294967295",
    "127.0.0.0x1", "\u0661\u0662\u0667.0.0.1", "\uff11\uff12\uff17.0.0.1", "câmera.lan",
]  # fmt: skip


@pytest.mark.parametrize("address", _REFUSED)
def test_no_camera_lives_there(address):
    with pytest.raises(Invalid) as refused:
        refuse_unsafe([address], 554, _OWN)
    assert refused.value.problems[0].pointer == "/source_url"


@pytest.mark.parametrize("address", _FINE)
def test_a_camera_may_live_there(address):
    refuse_unsafe([address, ip_address(address)], 554, _OWN)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "169.254.7.9", "192.168.1.2"])
def test_a_network_named_in_the_settings_is_allowed(address):
    refuse_unsafe([address], 554, _LAB)


@pytest.mark.parametrize("port", [8080, 8888, 9997])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "192.168.1.2", "::1", "::"])
def test_our_own_ports_are_refused_whatever_the_settings_say(address, port):
    with pytest.raises(Invalid):
        refuse_unsafe([address], port, _LAB)


def test_one_bad_address_among_good_ones_is_enough():
    with pytest.raises(Invalid):
        refuse_unsafe(["10.0.0.9", "127.0.0.1"], 554, _OWN)
    with pytest.raises(Invalid):
        refuse_unsafe([], 554, _OWN)


@pytest.mark.parametrize("host", _ODD_SPELLINGS)
def test_an_odd_spelling_of_an_address_is_refused(host):
    with pytest.raises(Invalid):
        literal(host)


@pytest.mark.parametrize("host", ["10.0.0.9", "10.0.0.9.", "fd00::9", "[fd00::9]"])
def test_a_literal_address_is_itself(host):
    assert literal(host) == ip_address(host.strip("[]."))


@pytest.mark.parametrize("host", ["cam.lan", "localhost", "1a.2b", "a.b.c.d", "x0x"])
def test_a_name_is_no_address(host):
    assert literal(host) is None


@pytest.mark.parametrize("name", ["localhost", "localhost."])
def test_the_machines_resolver_is_asked_for_names(name):
    found = look_up(name)
    assert found
    assert all(address.is_loopback for address in found)


def test_a_name_nobody_knows_leads_nowhere():
    assert look_up("no-such-camera.invalid") == ()
