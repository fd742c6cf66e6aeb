"""Makes continuity certificates as the box signs them."""

from __future__ import annotations

import json
import random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.verifier.package_box import NAMES, START_MS
from vmsd.clock import rfc3339
from vmsd.host.signing import BoxKey
from vmsd.services.box_seal import BoxSeal


def make_certificate(seed: int) -> bytes:
    """The JSON a caller of the box gets."""
    draw = random.Random(seed)
    seal = BoxSeal(BoxKey(Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))))
    gaps = [
        {"start": rfc3339(START_MS + n), "end": rfc3339(START_MS + n + 1), "cause": "network", "detail": None}
        for n in range(draw.randint(0, 4))
    ]
    certificate = {
        "format": "vmsd-continuity/1",
        "id": str(seed),
        "site": draw.choice(NAMES),
        "box": seal.identity,
        "city": {"id": "x", "name": draw.choice(NAMES)},
        "camera": {"id": "y", "name": '\n\t"\\/\u2028é\U0001f4f7\x7f'},
        "period": {"start": rfc3339(START_MS), "end": rfc3339(START_MS + 9)},
        "coverage": draw.choice((1, 0, 0.9999, 1e-7, 0.1 + 0.2)),
        "gaps": gaps,
        "\U0001f4f7": 1,
        "\uffee": 2,
    }
    signed = {"certificate": certificate, "signature": seal.sign(certificate)}
    return json.dumps(signed, ensure_ascii=draw.random() < 0.5, indent=draw.choice((None, 2))).encode()
