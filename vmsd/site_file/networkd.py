"""Hands the network of a site file to the machine: to systemd-networkd and to whatever keeps its clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vmsd.site_file.model import DHCP, Network
from vmsd.site_file.words import Problem, nearest

FOLDER = "run/systemd/network"
CAMERAS, LAN = f"{FOLDER}/10-vmsd-cameras.network", f"{FOLDER}/11-vmsd.network"
CHRONY, TIMESYNCD = "run/chrony-dhcp/vmsd-site.sources", "run/systemd/timesyncd.conf.d/vmsd-site.conf"
FILES = (CAMERAS, LAN, CHRONY, TIMESYNCD)
HEAD = "# From the site file: /etc/vmsd/network.toml\n"
PLACES = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
UNIT = "systemd-networkd.service"


def runs_networkd(root: Path) -> bool:
    """Whether this system has its network from systemd-networkd: nothing is touched where another program has it."""
    for place in PLACES:
        masked = root / place / UNIT
        if masked.is_symlink() and str(masked.readlink()) == "/dev/null":
            return False
    return any((root / place / f"{target}.wants" / UNIT).is_symlink() for place in PLACES for target in _TARGETS)


_TARGETS = ("multi-user.target", "network-online.target", "network.target", "sysinit.target")


def write_network(network: Network, root: Path) -> bool:
    """For this boot; what an earlier site file said is taken back. False where networkd is not at work."""
    files = files_of(network)
    if not runs_networkd(root):
        files = {name: text for name, text in files.items() if not name.startswith(FOLDER)}
    for name in FILES:
        file = root / name
        if name in files:
            _open_folder(file.parent)
            file.write_text(HEAD + files[name], "utf-8")
            file.chmod(0o644)
        else:
            file.unlink(missing_ok=True)
    return runs_networkd(root)


def _open_folder(folder: Path) -> None:
    """Those who keep the network and the clock are users of their own: they must be able to look into it."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)


def files_of(network: Network) -> Mapping[str, str]:
    """By their names below the root."""
    files = {LAN: "".join(f"{line}\n" for line in _lan(network))}
    if network.cameras:
        files[CAMERAS] = (
            f"[Match]\nName={network.cameras.interface}\n\n[Link]\nRequiredForOnline=no\n\n"
            f"[Network]\nAddress={network.cameras.address}\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
            "ConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n"
        )
    if network.ntp:
        files[CHRONY] = "".join(f"server {server} iburst\n" for server in network.ntp)
        files[TIMESYNCD] = f"[Time]\nNTP={' '.join(network.ntp)}\n"
    return files


def _lan(network: Network) -> Iterator[str]:
    """Without a name every card that is a real one; bridges and tunnels of other programs are left alone."""
    yield "[Match]"
    yield from (f"Name={network.interface}",) if network.interface else ("Type=ether", "Kind=!*")
    yield "\n[Network]"
    if network.address == DHCP:
        yield "DHCP=yes"
        return
    yield f"Address={network.address}"
    yield from (f"Gateway={network.gateway}",) if network.gateway else ()
    yield from (f"DNS={server}" for server in network.dns)
    yield "ConfigureWithoutCarrier=yes"
    yield "IgnoreCarrierLoss=yes"


def cards(root: Path) -> list[str]:
    """The network cards of this machine, real ones with a cable."""
    net = root / "sys/class/net"
    found = sorted(one.name for one in net.iterdir()) if net.is_dir() else []
    return [name for name in found if (net / name / "device").exists() and not (net / name / "wireless").exists()]


def settled(network: Network, root: Path) -> tuple[Network, list[Problem]]:
    """A fixed address is for one card: its name is found out where there are others; and what is wrong about names."""
    there, real = _names(root), cards(root)
    problems = [
        Problem("site.toml", 0, field, "interface_unknown", {"found": ", ".join(there), **nearest(name, there)})
        for field, name in _named(network)
        if name not in there
    ]
    left = [name for name in real if not network.cameras or name != network.cameras.interface]
    if real and not left and network.cameras and not network.interface:
        problems.append(Problem("site.toml", 0, "[network.cameras] interface", "cameras_only_card"))
    if problems or network.interface or network.address == DHCP or len(real) < 2:  # noqa: PLR2004 - one or several
        return network, problems
    if len(left) == 1:
        return network.model_copy(update={"interface": left[0]}), []
    return network, [Problem("site.toml", 0, "[network]", "interface_needed", {"found": ", ".join(left)})]


def _names(root: Path) -> list[str]:
    net = root / "sys/class/net"
    return sorted(one.name for one in net.iterdir() if one.name != "lo") if net.is_dir() else []


def _named(network: Network) -> Iterator[tuple[str, str]]:
    if network.interface:
        yield "[network] interface", network.interface
    if network.cameras:
        yield "[network.cameras] interface", network.cameras.interface
