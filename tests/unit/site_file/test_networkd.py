"""The network of a site file reaches systemd-networkd, and nobody else's network is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vmsd.config import load_settings
from vmsd.errors import BadSetting
from vmsd.site_file.model import CameraNetwork, Network
from vmsd.site_file.networkd import settled, write_network

FIXED = Network(
    address="192.0.2.10/24",
    gateway="192.0.2.1",
    dns=("192.0.2.1", "192.0.2.2"),
    ntp=("a.st1.ntp.br", "192.0.2.1"),
    cameras=CameraNetwork(interface="enp2s0", address="198.51.100.1/24"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with networkd and two cards, a bridge and a wireless one."""
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "systemd-networkd.service").symlink_to("/lib/systemd/system/systemd-networkd.service")
    for name in ("enp1s0", "enp2s0", "wlan0"):
        (tmp_path / "sys/class/net" / name / "device").mkdir(parents=True)
    (tmp_path / "sys/class/net/wlan0/wireless").mkdir()
    for name in ("lo", "docker0"):
        (tmp_path / "sys/class/net" / name).mkdir()
    return tmp_path


def written(root: Path) -> dict[str, str]:
    return {one.name: one.read_text() for one in (root / "run").rglob("*") if one.is_file()}


def test_a_fixed_address_and_a_network_for_cameras(root: Path):
    network, problems = settled(FIXED, root)
    assert (network.interface, problems) == ("enp1s0", []), "the one that is left"
    before = os.umask(0o077)
    try:
        assert write_network(network, root)
    finally:
        os.umask(before)
    folder = root / "run/systemd/network"
    assert {oct(one.stat().st_mode & 0o777) for one in (folder, folder / "11-vmsd.network")} == {"0o755", "0o644"}
    files = written(root)
    assert files["11-vmsd.network"].splitlines()[1:] == [
        "[Match]",
        "Name=enp1s0",
        "",
        "[Network]",
        "Address=192.0.2.10/24",
        "Gateway=192.0.2.1",
        "DNS=192.0.2.1",
        "DNS=192.0.2.2",
        "ConfigureWithoutCarrier=yes",
        "IgnoreCarrierLoss=yes",
    ]
    cameras = files["10-vmsd-cameras.network"]
    assert "Name=enp2s0" in cameras
    assert "Gateway" not in cameras
    assert files["vmsd-site.sources"].endswith("server a.st1.ntp.br iburst\nserver 192.0.2.1 iburst\n")
    assert "NTP=a.st1.ntp.br 192.0.2.1" in files["vmsd-site.conf"]


def test_what_an_earlier_file_said_is_taken_back(root: Path):
    write_network(FIXED, root)
    write_network(Network(), root)
    files = written(root)
    assert [*files] == ["11-vmsd.network"]
    assert "DHCP=yes" in files["11-vmsd.network"]
    assert "Kind=!*" in files["11-vmsd.network"], "bridges are no cards"


def test_a_network_of_another_program_is_left_alone(root: Path):
    enabled = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    (root / "etc/systemd/system/systemd-networkd.service").symlink_to("/dev/null")
    assert not write_network(FIXED, root), "networkd is masked"
    (root / "etc/systemd/system/systemd-networkd.service").unlink()
    enabled.unlink()
    assert not write_network(FIXED, root), "networkd is not enabled"
    assert set(written(root)) == {"vmsd-site.sources", "vmsd-site.conf"}, "time servers are another matter"


def test_names_of_cards_are_those_of_this_machine(root: Path):
    wrong = Network(interface="enp1s1", cameras=CameraNetwork(interface="eth9", address="198.51.100.1/24"))
    _, problems = settled(wrong, root)
    assert [one.field for one in problems] == ["[network] interface", "[network.cameras] interface"]
    assert 'será "enp1s0"?' in problems[0].said("pt_BR")
    _, problems = settled(Network(address="192.0.2.10/24"), root)
    assert [one.code for one in problems] == ["interface_needed"]
    assert "enp1s0, enp2s0" in problems[0].said("en")
    assert settled(Network(), root) == (Network(), []), "DHCP is for every card"
    shutil.rmtree(root / "sys/class/net/enp2s0")
    only = Network(cameras=CameraNetwork(interface="enp1s0", address="198.51.100.1/24"))
    assert [one.code for one in settled(only, root)[1]] == ["cameras_only_card"], "nobody could reach the box"
    one = Network(address="192.0.2.10/24")
    assert settled(one, root) == (one, []), "where there is one card it may be changed for another"


@pytest.mark.skipif(not Path("/lib/systemd/systemd-networkd").exists(), reason="systemd-networkd is not installed")
def test_networkd_knows_every_word(root: Path):
    write_network(FIXED.model_copy(update={"interface": "enp1s0"}), root)
    strings = subprocess.run(["strings", "/lib/systemd/systemd-networkd"], capture_output=True, text=True, check=False)
    if strings.returncode:
        pytest.skip("there is no strings(1)")
    known = set(strings.stdout.split())
    for name, text in written(root).items():
        if name.endswith(".network"):
            section = ""
            for line in text.splitlines():
                if line.startswith("["):
                    section = line.strip("[]")
                elif "=" in line and section:
                    assert f"{section}.{line.partition('=')[0]}" in known or section == "Time", (name, line)


def settings(folder: Path, text: str, **drop_ins: str) -> Path:
    (folder / "vmsd.toml").write_text('data_dir = "/d"\nrecordings_dir = "/r"\nruntime_dir = "/x"\n' + text)
    (folder / "vmsd.d").mkdir()
    for name, content in drop_ins.items():
        (folder / "vmsd.d" / f"{name}.toml").write_text(content)
    return folder / "vmsd.toml"


def test_drop_ins_count_more_than_the_settings_field_by_field(tmp_path: Path):
    file = settings(
        tmp_path,
        '[site]\nname = "a"\nlanguage = "en"\n[https]\nport = 443\n',
        a='[site]\nname = "b"\n[mdns]\nenabled = true\n',
        b='[site]\nname = "c"\n',
    )
    found = load_settings(file)
    assert (found.site.name, found.site.language, found.https.port, found.mdns.enabled) == ("c", "en", 443, True)


def test_a_wrong_drop_in_is_named(tmp_path: Path):
    with pytest.raises(BadSetting, match=r"50-x\.toml"):
        load_settings(settings(tmp_path, "", **{"50-x": "[site\n"}))
    (tmp_path / "vmsd.d/50-x.toml").write_text("[site]\nnome = 1\n")
    with pytest.raises(BadSetting, match=r"50-x\.toml: site\.nome"):
        load_settings(tmp_path / "vmsd.toml")
