"""The site file as it stands once it has been applied: the same site, and no secret; and how such a file is told."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from vmsd.site_file.model import REMOVED
from vmsd.site_file.reading import Reading
from vmsd.site_file.toml import dumped

HEAD = """# Este arquivo já foi aplicado nesta caixa. As senhas e o token foram apagados dele (***).
# Pode ser guardado. Para mudar a rede da caixa, mude só a seção [network] e ligue a caixa de novo com ele.
#
# This file has been applied to this box. Passwords and the token have been removed from it (***).
# It may be kept. To change the box's network, change the section [network] alone and start the box with it.
#
# {stamp}

"""
"""The stamp is of the very words of this file: without one, or changed since, there is something to be applied."""


def masked(reading: Reading) -> dict[str, Any]:
    """The cameras of a list beside the file stand in it too: that list is removed."""
    assert reading.site is not None  # noqa: S101 - called for a good file
    content = reading.site.model_dump(exclude_none=True, exclude={"cameras"})
    if content["admin"].get("password"):
        content["admin"]["password"] = REMOVED
    if "central" in content:
        content["central"]["token"] = REMOVED
    return {**content, "camera": [row.masked for row in reading.rows]}


def text_without_secrets(reading: Reading) -> bytes:
    """For Windows too."""
    text = dumped(masked(reading))
    head = HEAD.format(stamp=sha256(text.encode()).hexdigest())
    return (head + text).replace("\n", "\r\n").encode()


def digest_of(reading: Reading) -> str:
    """SHA-256 of what the file says but for its secrets and its network: the same before and after it was applied."""
    content = {name: value for name, value in masked(reading).items() if name != "network"}
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
