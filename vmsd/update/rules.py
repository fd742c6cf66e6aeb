"""Whether a signed update is one for this box, now."""

from __future__ import annotations

from dataclasses import dataclass

from vmsd.clock import parse_rfc3339
from vmsd.errors import Invalid
from vmsd.update.manifest import Kind, Manifest
from vmsd.update.versions import Version, parse_version


@dataclass(frozen=True)
class Facts:
    """`floor` is the highest version that was ever confirmed here; `now_ms` is None while the clock is not trusted."""

    kind: Kind
    arch: str
    version: Version
    floor: Version | None
    now_ms: int | None
    taken_back: frozenset[str] = frozenset()


def refuse_unfit(manifest: Manifest, facts: Facts) -> None:
    """`Invalid` says in one sentence why not. A wrong clock never refuses an update: only a trusted one may."""
    manifest.payload(facts.kind)
    if manifest.arch != facts.arch:
        raise Invalid(f"this update is for {manifest.arch}, the box is {facts.arch}")
    version = parse_version(manifest.version)
    if version == facts.version:
        raise Invalid(f"version {facts.version} is what runs already")
    if version < facts.version:
        raise Invalid(f"version {version} is older than {facts.version}, which runs: there is no way back")
    if facts.floor is not None and version < facts.floor:
        raise Invalid(f"version {version} is older than {facts.floor}, which was confirmed here before")
    if parse_version(manifest.minimum_version) > facts.version:
        raise Invalid(f"version {manifest.minimum_version} has to be installed first: {facts.version} runs")
    if manifest.expires and facts.now_ms is not None and facts.now_ms > parse_rfc3339(manifest.expires):
        raise Invalid(f"the update has expired on {manifest.expires}")


def refuse_known_bad(digest: str, facts: Facts) -> None:
    """For updates nobody typed: a stick that stays in the box must not bring the same failure for ever."""
    if digest in facts.taken_back:
        raise Invalid("this very update was taken back here before: only `vmsd update apply` tries it again")
