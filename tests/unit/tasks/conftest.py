"""What the tests of the recording tasks stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.tasks.export_box import ExportBox
from tests.unit.tasks.recording_box import Box, open_box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with open_box(tmp_path) as opened:
        yield opened


@pytest.fixture
async def exports(box: Box) -> AsyncIterator[ExportBox]:
    opened = ExportBox(box)
    yield opened
    await opened.close()
