"""Fixtures for every ring of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.site import Site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose store is ready and whose daemon has not been started: call `await site.start()`."""
    async with Site(tmp_path) as site:
        yield site
