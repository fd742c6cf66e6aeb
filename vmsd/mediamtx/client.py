"""Asks MediaMTX through its control API: one question at a time, bounded in time and in size."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import suppress
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from vmsd.errors import MediaServerAway
from vmsd.mediamtx.answers import ConfiguredPath, Info, Page, Path, WebRtcSession

PAGE_ITEMS = 1000
MAX_PAGES = 20

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item", Path, ConfiguredPath, WebRtcSession)


class NoSuchThing(MediaServerAway):
    """MediaMTX does not know what it was asked for."""


class MediaMtxClient:
    """Every method raises `MediaServerAway` when MediaMTX is down, late, or answers nonsense."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        user: str,
        password: str,
        deadline_s: float,
        answer_bytes: int,
    ) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}
        self._deadline_s = deadline_s
        self._answer_bytes = answer_bytes
        self._one_change = asyncio.Lock()

    async def info(self) -> Info:
        return _parse(Info, await self._ask("GET", "/v3/info"))

    async def list_paths(self) -> list[Path]:
        """All live paths, every page."""
        return await self._list("/v3/paths/list", Page[Path])

    async def list_configured_paths(self) -> list[ConfiguredPath]:
        """All paths of MediaMTX's configuration as it has loaded it, every page."""
        return await self._list("/v3/config/paths/list", Page[ConfiguredPath])

    async def list_webrtc_sessions(self) -> list[WebRtcSession]:
        """None where MediaMTX does not speak WebRTC, as the stand-in does not."""
        try:
            return await self._list("/v3/webrtcsessions/list", Page[WebRtcSession])
        except NoSuchThing:
            return []

    async def end_webrtc_session(self, session_id: str) -> None:
        """One that has ended already is as good as one that ends now."""
        with suppress(NoSuchThing):
            await self._ask("POST", f"/v3/webrtcsessions/kick/{session_id}")

    async def _list(self, path: str, model: type[Page[Item]]) -> list[Item]:
        """The limits of time and size are those of all pages together."""
        items: list[Item] = []
        left_bytes = self._answer_bytes
        try:
            async with asyncio.timeout(self._deadline_s):
                for number in range(MAX_PAGES):
                    query = f"itemsPerPage={PAGE_ITEMS}&page={number}"
                    body = await self._ask("GET", f"{path}?{query}", most_bytes=left_bytes)
                    page = _parse(model, body)
                    items += page.items
                    left_bytes -= len(body)
                    if number + 1 >= page.page_count:
                        return items
        except TimeoutError as error:
            raise MediaServerAway("MediaMTX does not answer") from error
        raise MediaServerAway("MediaMTX has more paths than anybody asked it for")

    async def set_recording(self, *, on: bool) -> None:
        """Start or stop recording on every camera that does not say otherwise, touching no source.

        Gone with the next reload of the file: the file has to say the same.
        """
        async with self._one_change:
            await self._ask("PATCH", "/v3/config/pathdefaults/patch", {"record": on})

    async def _ask(
        self, method: str, path: str, body: dict[str, object] | None = None, *, most_bytes: int | None = None
    ) -> bytes:
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                self._session.request(
                    method, self._url + path, json=body, headers=self._headers, allow_redirects=False
                ) as response,
            ):
                return await _read(response, self._answer_bytes if most_bytes is None else most_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            refused = isinstance(error, aiohttp.ClientConnectorError)
            raise MediaServerAway("MediaMTX does not answer", refused=refused) from error


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    if response.status == 404:  # noqa: PLR2004 - HTTP's own number
        raise NoSuchThing("MediaMTX answered 404")
    if response.status != 200:  # noqa: PLR2004 - HTTP's own number
        raise MediaServerAway(f"MediaMTX answered {response.status}")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > most_bytes:
            raise MediaServerAway("MediaMTX answered more than it may")
        chunks.append(chunk)
    return b"".join(chunks)


def _parse(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise MediaServerAway("MediaMTX answered something that is not its API") from error
