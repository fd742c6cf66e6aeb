"""Fixtures for every ring of tests."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.site import Site

LONGEST = (
    "unit/api/test_fuzzed.py::test_whatever_is_sent",
    "unit/api/test_authz.py::test_everybody_is_let_in",
    "system/test_crash_points.py::test_a_kill_before_any_system_call_leaves_the_old_or_the_new[export]",
    "system/test_crash_points.py::test_a_kill_before_any_system_call_leaves_the_old_or_the_new[backup]",
    "system/test_plates_killed.py::test_no_plate_is_lost",
    "system/test_kill_storm.py::test_killed_again_and_again",
)
"""Begun first, each by another worker: whichever began late would be waited for alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests are shared out, every worker is first given a slice of the list as long as the others'."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    longest = [item for name in LONGEST for item in items if f"/{name}" in f"/{item.nodeid}"][:workers]
    items[:] = [item for item in items if item not in longest]
    for index, item in enumerate(longest):
        items.insert(index * (len(items) + len(longest) - index) // workers, item)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose store is ready and whose daemon has not been started: call `await site.start()`."""
    async with Site(tmp_path) as site:
        yield site


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command sets up the logs of its process, which here is ours."""
    hook, handlers = sys.excepthook, logging.root.handlers[:]
    yield
    sys.excepthook, logging.root.handlers[:] = hook, handlers
    structlog.reset_defaults()
