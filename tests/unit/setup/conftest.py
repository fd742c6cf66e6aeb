"""The set-up program lives beside vmsd, not in it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "packaging"))


@pytest.fixture
def root():
    return ROOT
