"""Which addresses may be connected to: public ones, opened private ones, and some never."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from modelport.gateway.image_urls.addresses import why_not

EVERYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]

PUBLIC = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001:80b::200e"]
PRIVATE = [
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1"),
    *("203.0.113.9", "240.0.0.1", "fd12:3456::1", "fec0::1", "2001:db8::1", "3fff::1", "4000::1"),
    *("::ffff:10.0.0.1", "::10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"),
]
NEVER = {
    "127.0.0.1": "loopback",
    "127.8.9.1": "loopback",
    "::1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "::127.0.0.1": "loopback",
    "::ffff:0:127.0.0.1": "loopback",
    "64:ff9b::127.0.0.1": "loopback",
    "2002:7f00:1::": "loopback",
    "0.0.0.0": "this machine",
    "0.1.2.3": "this machine",
    "::": "this machine",
    "::ffff:0.0.0.0": "this machine",
    "169.254.169.254": "metadata",
    "::ffff:169.254.169.254": "metadata",
    "64:ff9b::a9fe:a9fe": "metadata",
    "2002:a9fe:a9fe::1": "metadata",
    "100.100.100.200": "metadata",
    "168.63.129.16": "metadata",
    "192.0.0.192": "metadata",
    "fd00:ec2::254": "metadata",
    "fd20:ce::254": "metadata",
    "169.254.170.2": "link-local",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "224.0.0.1": "multicast",
    "255.255.255.255": "multicast",
    "ff02::1": "multicast",
    "2001:0:1::1": "tunnel",
    "64:ff9b:1::7f00:1": "tunnel",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert why_not(address, ()) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_may_be_asked_where_its_range_is_opened(address: str) -> None:
    assert "allowCidrs" in (why_not(address, ()) or "")
    assert why_not(address, EVERYTHING) is None


def test_one_range_opens_no_other() -> None:
    opened = [ip_network("10.1.0.0/16")]
    assert why_not("10.1.2.3", opened) is None
    assert why_not("::ffff:10.1.2.3", opened) is None
    assert why_not("10.2.0.1", opened) is not None
    assert why_not("fd00::1", opened) is not None


@pytest.mark.parametrize(("address", "kind"), NEVER.items(), ids=NEVER)
def test_some_addresses_are_never_asked(address: str, kind: str) -> None:
    assert kind in (why_not(address, EVERYTHING) or "")


@pytest.mark.parametrize("address", [each for each, kind in NEVER.items() if kind == "loopback"])
def test_tests_may_ask_the_loopback_addresses(address: str) -> None:
    assert why_not(address, (), loopback=True) is None


@pytest.mark.parametrize("address", [each for each, kind in NEVER.items() if kind != "loopback"])
def test_tests_may_ask_no_other_address_that_is_never_asked(address: str) -> None:
    assert why_not(address, EVERYTHING, loopback=True) is not None
