"""A served site, and one with two cities and everybody in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.api.served import Served, serve
from vmsd.model.city import City
from vmsd.model.person import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the door hands on stands in the request under plain names, as the pages read it."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning"))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as served:
        yield served


@dataclass
class Town:
    """A superadmin, and in each of two cities a gestor and a guard."""

    served: Served
    here: City
    there: City
    root: dict[str, str]
    gestor: dict[str, str]
    guard: dict[str, str]
    other: dict[str, str]

    async def ask(self, *args: Any, **rest: Any) -> Any:
        return await self.served.ask(*args, **rest)


@pytest.fixture
async def town(served: Served) -> Town:
    return await make_town(served)


async def make_town(served: Served) -> Town:
    here, there = await served.city("Aqui"), await served.city("Lá", plan="premium")
    await served.person("root", Role.SUPERADMIN)
    await served.person("gestora", Role.GESTOR, here)
    await served.person("guarda", Role.USER, here)
    await served.person("outra", Role.GESTOR, there)
    return Town(
        served,
        here,
        there,
        root=await served.token("root"),
        gestor=await served.token("gestora"),
        guard=await served.token("guarda"),
        other=await served.token("outra"),
    )
