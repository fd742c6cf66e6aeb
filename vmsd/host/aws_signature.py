"""Signs requests as S3-compatible stores want them: AWS Signature Version 4, in the header."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from vmsd.clock import rfc3339

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class StoreKey:
    """Who asks; a store has the same secret."""

    name: str
    region: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Question:
    """What is asked. `path` is not escaped yet, and begins with a slash; neither are the names in `query`."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    sha256: str = EMPTY_SHA256
    """Of the body, in hexadecimal."""

    @property
    def escaped(self) -> str:
        """Path and query, as they are signed and sent."""
        return _escaped_path(self.path) + (f"?{query}" if (query := _escaped_query(self.query)) else "")


def sign(question: Question, key: StoreKey, at_ms: int) -> Mapping[str, str]:
    """The headers to send: those of the question and the proof."""
    time = rfc3339(at_ms).partition(".")[0].removesuffix("Z").replace("-", "").replace(":", "") + "Z"
    headers = {name.lower(): " ".join(value.split()) for name, value in question.headers.items()}
    headers |= {"host": question.host, "x-amz-content-sha256": question.sha256, "x-amz-date": time}
    signed = ";".join(sorted(headers))
    scope = f"{time[:8]}/{key.region}/s3/aws4_request"
    statement = "\n".join((ALGORITHM, time, scope, hashlib.sha256(_canonical(question, headers).encode()).hexdigest()))
    proof = hmac.new(_signing_key(key, time[:8]), statement.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"{ALGORITHM} Credential={key.name}/{scope}, SignedHeaders={signed}, Signature={proof}"
    return headers


def _canonical(question: Question, headers: Mapping[str, str]) -> str:
    lines = [question.method, _escaped_path(question.path), _escaped_query(question.query)]
    lines += [f"{name}:{headers[name]}" for name in sorted(headers)]
    return "\n".join((*lines, "", ";".join(sorted(headers)), question.sha256))


def _signing_key(key: StoreKey, day: str) -> bytes:
    made = f"AWS4{key.secret}".encode()
    for word in (day, key.region, "s3", "aws4_request"):
        made = hmac.new(made, word.encode(), hashlib.sha256).digest()
    return made


def _escaped_path(path: str) -> str:
    return quote(path, safe="/-_.~")


def _escaped_query(query: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
