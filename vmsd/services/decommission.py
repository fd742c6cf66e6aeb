"""The end of a box, step by step: what it keeps is destroyed, that is certified, and the keys go last.

Each step can be done twice, and what is done is on the disk before the next begins: whatever ends this in between, it
is gone on with where it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

from vmsd.clock import Clock, rfc3339
from vmsd.errors import Conflict, Invalid
from vmsd.host.clocksync import read_kernel_clock
from vmsd.host.daemon_lock import LOCK
from vmsd.host.decommission import (
    RECORD,
    Content,
    content_of,
    discard_free,
    empty,
    file_system_of,
    read_record,
    remove,
    write_record,
)
from vmsd.host.durable import write_all_durably
from vmsd.host.signing import NAME as SIGNING_KEY
from vmsd.host.signing import load_box_key
from vmsd.host.volume import MARKER, OWN_FOLDER, read_marker
from vmsd.services.box_seal import BoxSeal, canonical_json
from vmsd.store.inventory import read_inventory
from vmsd.store.rescue import peek

FORMAT = "vmsd-decommission/1"
NAME = "certidao-desativacao"
ELSEWHERE = "cópias que alguém levou, e o que foi enviado a um arquivo externo ou à central"
Record = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Where a box keeps what. `more` are folders and files of an installed box that tell of its site too."""

    name: str
    time_zone: str
    version: str
    data_dir: Path
    recordings_dir: Path
    runtime_dir: Path
    database: Path
    must_be_mount: bool
    more: tuple[Path, ...] = ()
    key_files: tuple[Path, ...] = ()
    """Keys that lie elsewhere, as systemd's credentials."""

    @property
    def keys(self) -> Path:
        return self.data_dir / "keys"

    @property
    def marker(self) -> Path:
        return self.recordings_dir / OWN_FOLDER / MARKER


@dataclass(frozen=True)
class Wish:
    """`by` is whoever answers for it; `overwrite` has recordings written over too, which takes as long as it takes."""

    keep_recordings: bool = False
    overwrite: bool = False
    despite_holds: bool = False
    by: str = ""


class Decommission:
    def __init__(self, site: Site, clock: Clock) -> None:
        self._site = site
        self._clock = clock

    def look(self, wish: Wish) -> Record:
        """What would be destroyed, or how far an earlier try has come; nothing is changed. Raises `Invalid`."""
        record = read_record(self._site.data_dir)
        if record is not None:
            return record
        site = self._site
        if not site.database.exists() and not any(self._keys()):
            raise Invalid(f"there is no site in {site.data_dir}")
        found = read_inventory(site.database)
        cities = found["cities"] if found else []
        holds = sum(city["holds"] for city in cities)
        if holds and not (wish.keep_recordings or wish.despite_holds):
            raise Invalid(
                f"{holds} orders to preserve recordings are in force: --despite-holds destroys them all the same"
            )
        return {
            "id": str(uuid4()),
            "site": {"name": site.name},
            "by": wish.by,
            "overwrite": wish.overwrite,
            "recordings": self._recordings(wish),
            "data": _facts(content_of(site.data_dir, (site.data_dir / LOCK,))),
            "keys": sorted({key.name for key in self._keys()}),
            "cities": cities,
            "people": found["people"] if found else None,
            "holds": holds,
            "audit_head": found["audit"] if found else None,
            "phase": "asked",
        }

    def destroy(self, record: Record, out: Path) -> str:
        """All of it, from where it stands; nobody else may use the box's folders meanwhile. Returns the certificate."""
        if record["phase"] == "asked":
            self._keep(record, "begun", begun_at=rfc3339(self._clock.wall_ms()))
        if record["phase"] == "begun":
            self._destroy_recordings(record)
            self._keep(record, "recordings_gone")
        if record["phase"] == "recordings_gone":
            self._destroy_data(record)
            self._keep(record, "data_gone")
        if record["phase"] == "data_gone":
            self._keep(record, "signed", **self._certified(record))
        self._write_papers(record, out)
        self._destroy_keys()
        text = self._write_papers(record, out, rfc3339(self._clock.wall_ms()))
        empty(self._site.data_dir, (self._site.data_dir / RECORD, self._site.recordings_dir), overwrite=True)
        remove(self._site.data_dir / RECORD, overwrite=True)
        return text

    def _recordings(self, wish: Wish) -> Record:
        site = self._site
        there = site.recordings_dir.is_dir() and (site.recordings_dir.is_mount() or not site.must_be_mount)
        content = content_of(site.recordings_dir) if there else Content(0, 0)
        if not there or wish.keep_recordings:
            if not wish.keep_recordings:
                raise Invalid(f"no recordings volume is at {site.recordings_dir}: --keep-recordings leaves it out")
            return {**_facts(content), "method": "kept" if there else "missing", "file_system": None}
        self._refuse_foreign(content)
        return {**_facts(content), "method": None, "file_system": file_system_of(site.recordings_dir.resolve())}

    def _refuse_foreign(self, content: Content) -> None:
        """Whatever the settings say: only what carries this site's own marker is destroyed."""
        site = self._site
        marker, known = read_marker(site.recordings_dir), peek(site.database, "volume_uuid")
        if (marker is None and content.files) or (marker and known and marker.uuid != known):
            raise Invalid(f"{site.recordings_dir} is not this site's volume: --keep-recordings leaves it alone")

    def _destroy_recordings(self, record: Record) -> None:
        """The marker goes last: until then it says whose volume this is."""
        site, facts = self._site, record["recordings"]
        if facts["method"] == "missing":
            return
        if facts["method"] == "kept":
            empty(site.recordings_dir / OWN_FOLDER, (site.marker,), overwrite=True)
            facts["left_files"] = content_of(site.recordings_dir).files
            return
        empty(site.recordings_dir, (site.marker,), overwrite=record["overwrite"])
        left = content_of(site.recordings_dir, (site.marker,)).files
        if left:
            raise Conflict(f"{left} files are in {site.recordings_dir} again: something still writes there")
        empty(site.recordings_dir, overwrite=True)
        facts |= {"left_files": 0, "method": _method(record["overwrite"], site.recordings_dir)}

    def _destroy_data(self, record: Record) -> None:
        """What lies elsewhere goes first: part of that is known by what lies beside the database."""
        site = self._site
        for path in site.more:
            if path.is_dir() and not path.is_symlink():
                empty(path, overwrite=True)
            else:
                remove(path, overwrite=True)
        kept = (site.data_dir / RECORD, site.data_dir / LOCK, site.keys, site.recordings_dir)
        empty(site.data_dir, kept, overwrite=True)
        empty(site.runtime_dir, overwrite=True)
        record["data"]["method"] = _method(True, site.data_dir)

    def _certified(self, record: Record) -> Record:
        """The last thing this box signs, and all that is needed to write it down again."""
        key = load_box_key(self._site.data_dir) if self._can_sign() else None
        identity: Mapping[str, Any] = BoxSeal(key).identity if key else {}
        facts = {name: value for name, value in record.items() if name not in ("phase", "overwrite")}
        certificate = {
            **facts,
            "format": FORMAT,
            "time_zone": self._site.time_zone,
            "software": self._site.version,
            "box": identity,
            "signed_at": rfc3339(self._clock.wall_ms()),
            "clock": {"synchronised": read_kernel_clock().synchronised},
            "not_destroyed": [*self._left(record), ELSEWHERE],
        }
        signature: Mapping[str, Any] = BoxSeal(key).sign(certificate) if key else {}
        return {"certificate": certificate, "signature": signature, "pem": key.public_pem if key else ""}

    def _can_sign(self) -> bool:
        """A key that was made only now would prove nothing."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        places = [self._site.keys, *([Path(credentials)] if credentials else [])]
        return any((place / SIGNING_KEY).exists() for place in places)

    def _left(self, record: Record) -> Iterator[str]:
        if record["recordings"]["method"] in ("kept", "missing"):
            yield "as gravações"
        if self._site.more:
            yield "o arquivo de configuração (/etc/vmsd/vmsd.toml)"

    def _destroy_keys(self) -> None:
        empty(self._site.keys, overwrite=True)
        if self._site.keys.is_dir():
            self._site.keys.rmdir()
        for file in self._site.key_files:
            remove(file, overwrite=True)
        discard_free(self._site.data_dir)

    def _keys(self) -> Iterator[Path]:
        own = (path for path in self._site.keys.rglob("*") if path.is_file())
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        loaded = Path(credentials).iterdir() if credentials else iter(())
        return chain(own, (file for file in self._site.key_files if file.exists()), loaded)

    def _keep(self, record: Record, phase: str, **more: Any) -> None:
        record |= {"phase": phase, **more}
        write_record(self._site.data_dir, record)

    def _write_papers(self, record: Record, out: Path, ended_at: str | None = None) -> str:
        """Five files: what is signed, its signature and the key to check it with, and the same to be read."""
        from vmsd.paper.decommission import render, text

        certificate, signature = record["certificate"], record["signature"]
        told = text(certificate, signature, ended_at)
        files = {
            "json": canonical_json(certificate),
            "sig": bytes.fromhex(signature.get("signature", "")),
            "pem": record["pem"].encode(),
            "txt": told.encode(),
            "pdf": render(certificate, signature),
        }
        name = f"{NAME}-{certificate['box'].get('serial', certificate['id'][:8])}"
        write_all_durably({out / f"{name}.{kind}": content for kind, content in files.items() if content})
        return told


def _method(overwrite: bool, folder: Path) -> str:
    """How it was done, discarding now what is free."""
    return ("overwritten" if overwrite else "removed") + ("_discarded" if discard_free(folder) else "")


def _facts(content: Content) -> Mapping[str, int]:
    return {"files": content.files, "bytes": content.bytes}
