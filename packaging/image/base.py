"""Debian itself, from the mirror that apt uses on this machine; kept, since it changes only when Debian does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from executable.command import run, say

from image.place import PACKAGES

if TYPE_CHECKING:
    from image.place import Place

SUITE = "trixie"
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*")
"""Nobody reads a manual on a box without a keyboard; copyright files stay."""
FORMAT = "--format=$(REPO_URI) $(LABEL) $(COMPONENT)"
SUITES = {"Debian": (SUITE, f"{SUITE}-updates"), "Debian-Security": (f"{SUITE}-security",)}


def make_base(place: Place, *, fresh: bool) -> None:
    mark = place.base.with_suffix(".made-of")
    digest = hashlib.sha256(PACKAGES.read_bytes() + SUITE.encode()).hexdigest()
    if not fresh and place.base.exists() and mark.exists() and mark.read_text("ascii") == digest:
        say(f"Debian as it was fetched before is used again: {place.base} (--fresh fetches it anew)")
        return
    mark.unlink(missing_ok=True)
    options = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    options += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", '--aptopt=APT::Install-Recommends "false"']
    words = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages())}", *options, SUITE, place.base]
    run([*words, *sources()])
    mark.write_text(digest, "ascii")


def packages() -> list[str]:
    lines = PACKAGES.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def sources() -> list[str]:
    """None found means that mmdebstrap takes Debian's own."""
    found = {
        (uri, suite)
        for line in run(["apt-get", "indextargets", FORMAT, "Created-By: Packages"]).splitlines()
        for uri, label, component in [line.rsplit(" ", 2)]
        if component == "main"
        for suite in SUITES.get(label, ())
    }
    return [f"deb {uri} {suite} main" for uri, suite in sorted(found)]
