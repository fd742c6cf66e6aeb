"""A good signature is not enough: an update also has to be one for this box, now."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from vmsd.clock import parse_rfc3339
from vmsd.errors import Invalid
from vmsd.update.manifest import Manifest
from vmsd.update.rules import Facts, refuse_known_bad, refuse_unfit
from vmsd.update.versions import parse_version

PAYLOAD = {
    "kind": "deb", "name": "vmsd.deb", "packing": "none", "size": 1, "sha256": "0" * 64, "unpacked_size": 1,
    "unpacked_sha256": "0" * 64,
}  # fmt: skip
NOW_MS = parse_rfc3339("2026-11-21T00:00:00Z")


def manifest(**fields: object) -> Manifest:
    usual = {"format": "vmsd-update-1", "version": "0.3.0", "minimum_version": "0.1.0", "arch": "amd64"}
    more = {"created": "2026-11-01T00:00:00Z", "key": "0" * 64, "payloads": [PAYLOAD]}
    return Manifest.model_validate({**usual, **more, **fields})


FACTS = Facts("deb", "amd64", parse_version("0.2.0"), parse_version("0.2.0"), NOW_MS)


def test_the_next_version_is_taken() -> None:
    refuse_unfit(manifest(), FACTS)
    refuse_unfit(manifest(expires="2026-12-01T00:00:00Z"), FACTS)


@pytest.mark.parametrize(
    ("fields", "facts", "why"),
    [
        ({"version": "0.2.0"}, FACTS, "runs already"),
        ({"version": "0.2.0+again"}, FACTS, "runs already"),
        ({"version": "0.1.9"}, FACTS, "older than 0.2.0"),
        ({"version": "0.2.0~rc9"}, FACTS, "older than 0.2.0"),
        ({"version": "0.3.0"}, replace(FACTS, floor=parse_version("0.4.0")), "was confirmed here before"),
        ({"minimum_version": "0.2.1"}, FACTS, "0.2.1 has to be installed first"),
        ({"arch": "arm64"}, FACTS, "the box is amd64"),
        ({}, replace(FACTS, kind="root"), "nothing for a box of this kind"),
        ({"expires": "2026-11-20T00:00:00Z"}, FACTS, "expired"),
    ],
)
def test_what_does_not_fit_is_refused_and_says_why(fields: dict[str, object], facts: Facts, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        refuse_unfit(manifest(**fields), facts)


def test_a_clock_nobody_trusts_lets_no_update_expire() -> None:
    refuse_unfit(manifest(expires="2026-11-20T00:00:00Z"), replace(FACTS, now_ms=None))


def test_what_failed_before_is_not_tried_again_by_itself() -> None:
    with pytest.raises(Invalid, match="taken back"):
        refuse_known_bad("abc", replace(FACTS, taken_back=frozenset({"abc"})))


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "1"}, {"version": "01.2"}, {"version": "1.2 "}, {"version": "../1.2"}, {"format": "vmsd-update-2"},
        {"payloads": []}, {"payloads": [PAYLOAD, PAYLOAD]}, {"payloads": [{**PAYLOAD, "name": "../x"}]},
        {"payloads": [{**PAYLOAD, "name": "a/b"}]}, {"payloads": [{**PAYLOAD, "size": 2**40}]},
        {"payloads": [{**PAYLOAD, "size": True}]}, {"unknown": 1}, {"created": "yesterday"},
    ],
)  # fmt: skip
def test_a_manifest_says_what_it_may_and_nothing_else(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        manifest(**fields)


def test_versions_are_ordered_as_people_expect() -> None:
    texts = ["0.1", "0.1.1~rc1", "0.1.1~rc2", "0.1.1", "0.1.2+build", "0.1.10", "0.2", "1.0.0.1", "10.0"]
    assert sorted(texts, key=parse_version) == texts
    assert parse_version("0.1") == parse_version("0.1.0+x")
