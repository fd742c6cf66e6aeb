"""The grid of brightness that comes with each still; motion is looked for in it."""

from __future__ import annotations

COLUMNS, ROWS = 48, 27
"""Cells of 40 pixels at 1080p: about a person 30 m away."""
