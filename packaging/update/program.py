"""The words: `key` makes a key, `bundle` an update, `keys` a replacement of release keys signed by a root key.

`release` is `bundle` of what was built last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNPINNED = "+unpinned"
sys.path.insert(0, str(ROOT))

from update import signing  # noqa: E402
from update.bundle import Release, build_bundle  # noqa: E402
from vmsd.errors import VmsdError  # noqa: E402 - found beside us
from vmsd.update import keys as trusted  # noqa: E402


def main(argv: list[str]) -> int:
    options = parse(argv)
    try:
        sys.stdout.write({"key": key, "bundle": bundle, "release": release, "keys": keys}[options.word](options) + "\n")
    except (signing.SigningError, VmsdError, OSError) as error:
        sys.stderr.write(f"update: {error}\n")
        return 1
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="update", description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    one = words.add_parser("key", help="a new pair of keys: NAME.key stays offline, NAME.pub goes into the package")
    one.add_argument("name", type=Path, help="its path without a suffix; a root key's name begins with root")
    one = words.add_parser("bundle", help="an update of a package, of a root image, or of both")
    add = one.add_argument
    add("--key", type=Path, required=True, help="the private release key")
    add("--deb", type=Path)
    add("--root", type=Path, help="the root file system as it is written to a slot")
    add("--version", help="that of the package, unless it is given")
    add("--minimum-version", default="0.1.0", help="what a box must run to take it")
    add("--arch", default="amd64", choices=["amd64", "arm64"])
    add("--expires-days", type=int, help="after so many days boxes that know the time refuse it")
    add("--created", help="RFC 3339; now unless it is given")
    add("--work", type=Path, default=ROOT / "build/update")
    add("--out", type=Path, default=ROOT / "dist")
    one = words.add_parser(
        "release", help="of the newest package in dist/, and of the root image if it was built of it"
    )
    one.add_argument("--key", type=Path, required=True, help="the private release key")
    one = words.add_parser("keys", help="from now on these are the release keys, and no others")
    one.add_argument("--root-key", type=Path, required=True)
    one.add_argument("--serial", type=int, required=True, help="higher than that of every replacement before")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("public", type=Path, nargs="+")
    return parser.parse_args(argv)


def key(options: argparse.Namespace) -> str:
    private, public = (options.name.with_name(f"{options.name.name}.{end}") for end in ("key", "pub"))
    return f"{signing.make_key(private, public)}  {public}"


def bundle(options: argparse.Namespace) -> str:
    files = {kind: file for kind, file in (("deb", options.deb), ("root", options.root)) if file is not None}
    if not files:
        raise signing.SigningError("there is nothing to put in: --deb, --root or both")
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + timedelta(days=options.expires_days) if options.expires_days else None
    release = Release(
        version=options.version or package_version(options.deb),
        minimum_version=options.minimum_version,
        arch=options.arch,
        created=options.created or stamp(now),
        expires=stamp(until) if until else None,
        files=files,
        work=options.work,
    )
    return str(build_bundle(release, signing.read_key(options.key), options.out))


def release(options: argparse.Namespace) -> str:
    """What is not known to be an official MediaMTX is signed for no site."""
    found = sorted((ROOT / "dist").glob("vmsd_*.deb"), key=lambda one: one.stat().st_mtime)
    if not found or UNPINNED in found[-1].name:
        raise signing.SigningError("there is no package for sites in dist/: run `make deb` first")
    words = ["bundle", "--key", str(options.key), "--deb", str(found[-1])]
    image = ROOT / "build/image/root.ext4"
    if image.exists() and image.stat().st_mtime > found[-1].stat().st_mtime:
        words += ["--root", str(image)]
    return bundle(parse([*words, "--arch", found[-1].stem.rpartition("_")[2]]))


def keys(options: argparse.Namespace) -> str:
    fields = {
        "format": "vmsd-update-keys-1",
        "serial": options.serial,
        "created": stamp(datetime.now(UTC).replace(microsecond=0)),
        "release": [signing.public_bytes(file).hex() for file in options.public],
    }
    text = json.dumps(fields).encode()
    trusted.Replacement.model_validate(fields)
    signature = signing.read_key(options.root_key).sign(trusted.DOMAIN + text)
    signing.write_new(options.out, signature + text, 0o644)
    return str(options.out)


def package_version(deb: Path | None) -> str:
    if deb is None:
        raise signing.SigningError("--version is needed where there is no package")
    words = ["dpkg-deb", "--field", str(deb), "Version"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - dpkg


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
