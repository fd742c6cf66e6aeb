"""The file that names the sites: where each one is, how it is known, and the token it is asked with.

    [defaults]
    ca = "sites.pem"              # the certificates or the authority of all sites
    token_file = "central.token"

    [[site]]
    name = "Aurora, Centro"
    url = "https://10.1.0.2"
    key = "8f0a5c11..."           # SHA-256 of its certificate's public key, instead of ca: a renewal keeps it
    # fingerprint = "5E:88:..."   # or of the certificate itself, which a box renews every year
    box = "5e884898da28..."       # fingerprint of the key its box signs with; else the first one seen is kept

Files are looked for beside this one. A site's own line goes before that of `[defaults]`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from yarl import URL

from vmsd.errors import BadSetting

MOST_SITES = 5000
OTHERS = 0o077


def _hex(text: str) -> str:
    digits = re.sub(r"[\s:]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("must be a SHA-256: 64 hexadecimal digits, with or without colons")
    return digits


def _https(text: str) -> str:
    url = URL(text)
    if url.scheme != "https" or not url.host or url.user or url.password or url.query_string or url.fragment:
        raise ValueError("must be https:// and a host, with a port if need be, and nothing secret in it")
    return str(url).rstrip("/")


Sha256 = Annotated[str, AfterValidator(_hex)]
Token = Annotated[str, StringConstraints(pattern=r"^vmsd_[A-Za-z0-9_-]{20,200}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class Defaults(_Part):
    ca: str | None = None
    token: Token | None = None
    token_file: str | None = None
    timeout_s: float = Field(10, gt=0, le=120)
    stale_s: float = Field(300, ge=10, le=86_400)
    parallel: int = Field(64, ge=1, le=256)
    coverage: float = Field(0.98, ge=0, le=1)


class SiteLine(_Part):
    name: Name
    url: Annotated[str, AfterValidator(_https)]
    ca: str | None = None
    key: Sha256 | None = None
    fingerprint: Sha256 | None = None
    box: Sha256 | None = None
    token: Token | None = None
    token_file: str | None = None
    timeout_s: float | None = Field(None, gt=0, le=120)
    coverage: float | None = Field(None, ge=0, le=1)


class SitesFile(_Part):
    defaults: Defaults = Defaults()
    site: list[SiteLine] = Field(min_length=1, max_length=MOST_SITES)

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        names = [line.name for line in self.site]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the name {twice!r} stands there twice")
        return self


@dataclass(frozen=True)
class Site:
    """One site, everything decided: `key`, `fingerprint` or `ca` is how its certificate is known."""

    name: str
    url: str
    token: str = field(repr=False)
    ca: Path | None
    key: bytes | None
    fingerprint: bytes | None
    box: str | None
    timeout_s: float
    least_coverage: float


@dataclass(frozen=True)
class Sites:
    items: Sequence[Site]
    stale_s: float
    parallel: int
    readable_by_others: bool
    """Secrets stand in a file that not its owner alone may read."""


def read_sites(file: Path) -> Sites:
    """Raises `BadSetting`, naming the site and the field."""
    try:
        found = SitesFile.model_validate(tomllib.loads(file.read_text("utf-8")))
    except ValidationError as error:
        raise BadSetting(f"{file}: {_said(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{file}: {error}") from error
    except OSError as error:
        raise BadSetting(f"{file}: {error.strerror}") from error
    reader = _Reader(file, found.defaults)
    items = [reader.site(line) for line in found.site]
    return Sites(items, found.defaults.stale_s, found.defaults.parallel, reader.readable_by_others)


def as_targets(sites: Sites) -> Sequence[Mapping[str, object]]:
    """For Prometheus, which asks for `/metrics` by host and port: a path in the address is lost."""
    return [{"targets": [_target(URL(site.url))], "labels": {"site": site.name}} for site in sites.items]


def _target(url: URL) -> str:
    return f"{url.host_subcomponent}:{url.port}"


def _said(error: ValidationError) -> str:
    """The first thing wrong; sites are counted from 1."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = [str(part + 1) if isinstance(part, int) else str(part) for part in first["loc"]]
    return f"{' '.join(place)}: {first['msg']}" if place else str(first["msg"])


class _Reader:
    """Fills in what stands in other files and in the defaults."""

    def __init__(self, file: Path, defaults: Defaults) -> None:
        self._file, self._defaults = file, defaults
        self._tokens: dict[str, str] = {}
        self.readable_by_others = False

    def site(self, line: SiteLine) -> Site:
        defaults = self._defaults
        ca = None if line.key or line.fingerprint else line.ca or defaults.ca
        if not (line.key or line.fingerprint or ca):
            raise BadSetting(f"{self._file}: {line.name}: needs a key, or a ca of its own or in [defaults]")
        least = defaults.coverage if line.coverage is None else line.coverage
        return Site(
            name=line.name,
            url=line.url,
            token=self._token(line),
            ca=None if ca is None else self._existing(line, ca),
            key=None if line.key is None else bytes.fromhex(line.key),
            fingerprint=None if line.fingerprint is None else bytes.fromhex(line.fingerprint),
            box=line.box,
            timeout_s=line.timeout_s or defaults.timeout_s,
            least_coverage=least,
        )

    def _token(self, line: SiteLine) -> str:
        own = line.token or line.token_file
        token, file = (line.token, line.token_file) if own else (self._defaults.token, self._defaults.token_file)
        if token is not None:
            self.readable_by_others |= bool(self._file.stat().st_mode & OTHERS)
            return token
        if file is None:
            raise BadSetting(f"{self._file}: {line.name}: needs a token or a token_file, its own or in [defaults]")
        return self._token_in(line, file)

    def _token_in(self, line: SiteLine, name: str) -> str:
        if name not in self._tokens:
            file = self._existing(line, name)
            self.readable_by_others |= bool(file.stat().st_mode & OTHERS)
            text = file.read_text("ascii", "replace").strip()
            if not re.fullmatch(r"vmsd_[A-Za-z0-9_-]{20,200}", text):
                raise BadSetting(f"{self._file}: {line.name}: there is no token of vmsd in {name}")
            self._tokens[name] = text
        return self._tokens[name]

    def _existing(self, line: SiteLine, name: str) -> Path:
        file = self._file.parent / name
        if not file.is_file():
            raise BadSetting(f"{self._file}: {line.name}: there is no file {name}")
        return file
