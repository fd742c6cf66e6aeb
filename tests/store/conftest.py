"""A real database for the tests of the store, and a box with two cities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.recording_box import Box, open_box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened
