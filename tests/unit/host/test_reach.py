"""A certificate and a name on the network are made for addresses that stay."""

from __future__ import annotations

from ipaddress import ip_address

from vmsd.host.network import own_addresses
from vmsd.host.reach import lasting_addresses, temporary_addresses

TABLE = """\
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 82     eth0
20010db8000000001111222233334444 04 40 00 01     eth0
20010db8000000005555666677778888 04 40 00 21     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_addresses_made_for_privacy_are_known_from_the_kernels_table():
    assert temporary_addresses(TABLE) == {
        ip_address("2001:db8::1111:2222:3333:4444"),
        ip_address("2001:db8::5555:6666:7777:8888"),
    }
    assert temporary_addresses("") == frozenset()


def test_loopback_and_link_local_do_not_last():
    lasting = lasting_addresses()
    assert set(lasting) <= own_addresses()
    assert not any(one.is_loopback or one.is_link_local for one in lasting)


def test_only_the_named_interfaces_count():
    assert lasting_addresses({"lo"}) == ()
