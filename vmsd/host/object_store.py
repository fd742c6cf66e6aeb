"""An S3-compatible store: what is put there comes in numbered parts that outlive a restart, and may be locked."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from yarl import URL

from vmsd.clock import Clock, parse_rfc3339, rfc3339
from vmsd.errors import VmsdError
from vmsd.host.aws_signature import Question, StoreKey, sign
from vmsd.host.outgoing import Answer, HttpSender

ANSWER_BYTES = 1 << 20
"""A list of a thousand parts is a quarter of it."""
LISTED = 1000
SHA256 = "x-amz-meta-sha256"
LOCKED_UNTIL = "x-amz-object-lock-retain-until-date"
NOT_FOUND = 404
NO_LOCK = {400, 404, 405, 501}
"""Of a bucket that has none, or a store that has never heard of it."""
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
AS_IT_IS = {"accept-encoding": "identity"}
"""Not signed: what stands between may write it anew. A packed answer would have another length than the object."""


class StoreAway(VmsdError):
    """Nobody answered, or the store asked for patience: the same may work later."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class StoreRefused(VmsdError):
    """The store answered, and will not; `code` is its own word for why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the store refused it: {status} {code}".rstrip())
        self.status = status
        self.code = code


@dataclass(frozen=True)
class StorePlace:
    """`endpoint` without the bucket, which stands in the path, or before the host when `virtual_host`."""

    endpoint: str
    bucket: str
    virtual_host: bool = False

    @property
    def url(self) -> URL:
        url = URL(self.endpoint)
        return url.with_host(f"{self.bucket}.{url.raw_host}") if self.virtual_host else url

    def path(self, name: str) -> str:
        folder = self.url.path.rstrip("/") + ("" if self.virtual_host else f"/{self.bucket}")
        return f"{folder}/{name}" if name else folder or "/"


@dataclass(frozen=True)
class Lock:
    """Until when nobody may change or delete what is stored; `mode` as the store calls it."""

    mode: str
    until_ms: int

    @property
    def headers(self) -> Mapping[str, str]:
        return {"x-amz-object-lock-mode": self.mode, LOCKED_UNTIL: rfc3339(self.until_ms)}


@dataclass(frozen=True)
class Piece:
    """Some bytes with what the store compares them with; `read` gives them once."""

    size_bytes: int
    sha256: bytes
    md5: bytes
    read: AsyncIterator[bytes]

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-length": str(self.size_bytes), "content-md5": base64.b64encode(self.md5).decode()}


@dataclass(frozen=True)
class Part:
    number: int
    etag: str
    size_bytes: int


@dataclass(frozen=True)
class Stored:
    """What the store says it has; `sha256` is what was said of it when it was put there."""

    size_bytes: int
    sha256: str | None
    locked_until_ms: int | None


class ObjectStore:
    """Everything raises `StoreAway` or `StoreRefused`."""

    def __init__(self, http: HttpSender, place: StorePlace, key: StoreKey, clock: Clock) -> None:
        self._http = http
        self._place = place
        self._key = key
        self._clock = clock

    async def offers_lock(self) -> bool:
        """Whether what is put into the bucket can be locked; who may not ask does not know, and gets `StoreRefused`."""
        try:
            answer = await self._ask("GET", "", {"object-lock": ""})
        except StoreRefused as error:
            if error.status in NO_LOCK:
                return False
            raise
        return _tag(answer.body, "ObjectLockEnabled") == "Enabled"

    async def put(self, name: str, piece: Piece, sha256: str, lock: Lock | None) -> None:
        """All of it in one request."""
        await self._ask("PUT", name, {}, {**_about(sha256, lock), **piece.headers}, piece)

    async def begin(self, name: str, sha256: str, lock: Lock | None) -> str:
        """The number of an upload whose parts are kept until it is finished or abandoned."""
        answer = await self._ask("POST", name, {"uploads": ""}, _about(sha256, lock))
        upload = _tag(answer.body, "UploadId")
        if not upload:
            raise StoreRefused(answer.status or 0, "no upload id")
        return upload

    async def put_part(self, name: str, upload: str, number: int, piece: Piece) -> None:
        """Parts count from 1; the same number again takes the place of the former."""
        await self._ask("PUT", name, {"partNumber": str(number), "uploadId": upload}, piece.headers, piece)

    async def parts(self, name: str, upload: str) -> Sequence[Part]:
        """What the store has of it."""
        found: list[Part] = []
        after = 0
        while True:
            query = {"uploadId": upload, "max-parts": str(LISTED), "part-number-marker": str(after)}
            more = _parts((await self._ask("GET", name, query)).body)
            found += [one for one in more if one.number > after]
            if len(more) < LISTED or not found or found[-1].number == after:
                return found
            after = found[-1].number

    async def finish(self, name: str, upload: str, parts: Sequence[Part]) -> None:
        body = b"".join(
            b"<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>" % (one.number, html.escape(one.etag).encode())
            for one in parts
        )
        document = b"<CompleteMultipartUpload>" + body + b"</CompleteMultipartUpload>"
        answer = await self._ask("POST", name, {"uploadId": upload}, {"content-type": "application/xml"}, document)
        if code := _tag(answer.body, "Code"):  # a store may find out after it has begun to answer
            raise StoreAway(f"the store could not finish it: {code}")

    async def abandon(self, name: str, upload: str) -> None:
        await self._ask("DELETE", name, {"uploadId": upload})

    async def find(self, name: str) -> Stored | None:
        try:
            headers = (await self._ask("HEAD", name, {})).headers
        except StoreRefused as error:
            if error.status == NOT_FOUND:
                return None
            raise
        until = headers.get(LOCKED_UNTIL)
        return Stored(int(headers.get("content-length", 0)), headers.get(SHA256), _ms(until) if until else None)

    async def _ask(
        self,
        method: str,
        name: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body: Piece | bytes = b"",
    ) -> Answer:
        url = self._place.url
        sha256 = body.sha256.hex() if isinstance(body, Piece) else hashlib.sha256(body).hexdigest()
        host = str(url.raw_authority)
        question = Question(method, host, self._place.path(name), query, headers or {}, sha256)
        signed = {**sign(question, self._key, self._clock.wall_ms()), **AS_IT_IS}
        target = URL(f"{url.scheme}://{host}{question.escaped}", encoded=True)
        sent = body.read if isinstance(body, Piece) else body
        return _judged(await self._http.send(method, target, sent, signed, answer_bytes=ANSWER_BYTES))


def _judged(answer: Answer) -> Answer:
    status = answer.status
    if status is None:
        raise StoreAway(answer.error or "no answer")
    if 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
        return answer
    code = _word(_tag(answer.body, "Code"))
    if status in TRY_AGAIN:
        raise StoreAway(f"the store asks for patience: {status} {code}".rstrip(), answer.retry_after_s)
    if 300 <= status < 400:  # noqa: PLR2004 - what HTTP calls a redirect
        code = code or "it sends its callers elsewhere: is the region right, and the endpoint?"
    raise StoreRefused(status, code)


def _about(sha256: str, lock: Lock | None) -> dict[str, str]:
    return {SHA256: sha256, "content-type": "application/octet-stream", **(lock.headers if lock else {})}


def _parts(body: bytes) -> list[Part]:
    found = []
    for rest in body.split(b"<Part>")[1 : LISTED + 1]:
        block = rest.partition(b"</Part>")[0]
        number, size = _tag(block, "PartNumber"), _tag(block, "Size")
        if number.isdecimal() and size.isdecimal():
            found.append(Part(int(number), _tag(block, "ETag"), int(size)))
    return sorted(found, key=lambda one: one.number)


def _tag(body: bytes, name: str) -> str:
    """The text of the first element of this name: answers are flat, and nothing of them is believed but that."""
    match = re.search(rf"<{name}>([^<]{{0,2000}})</{name}>".encode(), body)
    return html.unescape(match[1].decode("utf-8", "replace")).strip() if match else ""


def _word(code: str) -> str:
    """What a stranger said, as far as it is a word."""
    return re.sub(r"[^A-Za-z0-9]", "", code)[:60]


def _ms(text: str) -> int | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None
