"""What a site file sets of the box itself: the settings, the network, and who may come in by SSH."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from vmsd.host.durable import make_folder, sync, write_durably
from vmsd.site_file.model import Network, SiteToml
from vmsd.site_file.toml import dumped

DROP_IN, NETWORK, SSH = Path("vmsd.d/50-site.toml"), Path("network.toml"), Path("ssh/authorized_keys")
HEAD = "# Written when the site file was applied; what stands here counts more than vmsd.toml.\n\n"
NETWORK_HEAD = "# The network, as the site file had it; read at every start by vmsd-network.service.\n\n"
PLAIN, OPEN = 0o644, 0o755


def write_settings(folder: Path, site: SiteToml) -> None:
    """As often as one likes: the same site leaves the same files. `folder` is where `vmsd.toml` is."""
    _put(folder / DROP_IN, HEAD + dumped(settings_of(site)))
    _put(folder / NETWORK, network_text(site.network))
    if site.ssh:
        _put(folder / SSH, f"{site.ssh.key}\n")
    else:
        (folder / SSH).unlink(missing_ok=True)


def settings_of(site: SiteToml) -> dict[str, Any]:
    """Guards are on the first network: what tells browsers where the box is speaks there alone.

    Cameras are searched for on their own, where they have one.
    """
    lan = [site.network.interface] if site.network.interface else []
    cameras = site.network.cameras
    return {
        "site": site.site.model_dump(),
        "mdns": {"enabled": True, "name": site.network.name, "interfaces": lan},
        "webrtc": {"interfaces": lan},
        "cameras": {"interfaces": [cameras.interface]} if cameras else {},
        "backup": {"recipient": site.backup.recipient} if site.backup else {},
    }


def network_text(network: Network) -> str:
    return NETWORK_HEAD + dumped(network.model_dump(exclude_none=True))


def read_network(folder: Path) -> Network | None:
    """Checked again: what is written by hand there is no better than a site file. ValueError, OSError."""
    try:
        text = (folder / NETWORK).read_text("utf-8")
    except FileNotFoundError:
        return None
    return Network.model_validate(tomllib.loads(text))


def _put(file: Path, text: str) -> None:
    """Not secret: readable by the user the daemon runs as."""
    make_folder(file.parent)
    file.parent.chmod(OPEN)
    write_durably(file, text.encode())
    file.chmod(PLAIN)
    sync(file)
