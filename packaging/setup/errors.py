"""What stops the set-up, in words for the person who started it."""

from __future__ import annotations


class SetupError(Exception):
    """`advice` is what to do next; `output` the end of what the failed command said."""

    def __init__(self, what: str, advice: str, output: str = "") -> None:
        super().__init__(what)
        self.advice = advice
        self.output = output
