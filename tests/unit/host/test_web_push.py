"""Messages for browsers, held against the example that the standard itself works through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from vmsd.host.web_push import MOST_BYTES, Subscription, decoded, encrypt, load_push_key

# RFC 8291, section 5 and appendix A.
CLEAR = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def subscription() -> Subscription:
    return Subscription(
        "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV", decoded(RECEIVER), decoded(AUTH)
    )


def test_the_example_of_the_standard_comes_out_byte_for_byte():
    own = derive_private_key(int.from_bytes(decoded(SENDER), "big"), SECP256R1())
    assert encrypt(CLEAR, subscription(), salt=decoded(SALT), own=own) == decoded(MESSAGE)


def test_no_two_messages_are_alike_and_none_is_too_long():
    assert encrypt(CLEAR, subscription()) != encrypt(CLEAR, subscription())
    assert len(encrypt(b"x" * MOST_BYTES, subscription())) <= 4096
    with pytest.raises(ValueError, match="at most"):
        encrypt(b"x" * (MOST_BYTES + 1), subscription())


@pytest.mark.parametrize(
    ("key", "auth"), [(b"\x04" + bytes(64), bytes(16)), (b"", bytes(16)), (decoded(RECEIVER), b"x")]
)
def test_a_subscription_nobody_could_read_is_refused(key: bytes, auth: bytes):
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        Subscription("https://push.example.net/x", key, auth)


def test_the_box_proves_who_it_is_with_one_key_for_ever(tmp_path: Path):
    key, again = load_push_key(tmp_path), load_push_key(tmp_path)
    assert key.public_key == again.public_key
    scheme, _, said = key.authorization("https://push.example.net/a/b?c", "mailto:box@example.org", 1000).partition(" ")
    facts = dict(one.split("=", 1) for one in said.split(", "))
    head, claims, signature = facts["t"].split(".")
    assert scheme == "vapid"
    assert json.loads(decoded(claims)) == {
        "aud": "https://push.example.net",
        "exp": 1000 + 12 * 3600,
        "sub": "mailto:box@example.org",
    }
    numbers = decoded(signature)
    public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), decoded(facts["k"]))
    der = encode_dss_signature(int.from_bytes(numbers[:32], "big"), int.from_bytes(numbers[32:], "big"))
    public.verify(der, f"{head}.{claims}".encode(), ECDSA(hashes.SHA256()))
    assert (tmp_path / "keys" / "push.key").stat().st_mode & 0o077 == 0
