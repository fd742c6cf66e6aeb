"""Goes along the audit chain and stops at the first row that is not as it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from vmsd.model.audit import GENESIS, Fault, Flaw, Head, Record, canonical, hash_of

Signed = Callable[[Head], bool]
"""Whether a head carries this box's signature."""


class Chain:
    """Fed with all rows in order and the heads signed among them; begins after a row that is known to be right."""

    def __init__(self, signed: Signed, seq: int = 0, row_hash: bytes = GENESIS) -> None:
        self._signed = signed
        self.seq, self.hash = seq, row_hash
        self._sure = seq
        """The last row whose hash the box itself has signed."""

    def follow(self, rows: Sequence[Record], heads: Sequence[Head]) -> Fault | None:
        """Some more rows; `heads` are those with a number up to the last of these rows."""
        by_seq = {head.seq: head for head in heads}
        for row in rows:
            fault = self._row(row) or self._head(row, by_seq.pop(row.seq, None))
            if fault:
                return fault
            self.seq, self.hash = row.seq, row.hash
        return Fault(min(by_seq), Flaw.HEAD_FORGED) if by_seq else None

    def end(self, last: Head | None) -> Fault | None:
        """After all rows: whether the box has signed more than there is."""
        if last is None or last.seq <= self.seq:
            return None
        return Fault(self.seq + 1, Flaw.TRUNCATED) if self._signed(last) else Fault(last.seq, Flaw.HEAD_FORGED)

    def _row(self, row: Record) -> Fault | None:
        if row.seq != self.seq + 1:
            missing = row.seq > self.seq + 1
            return Fault(self.seq + 1, Flaw.MISSING) if missing else Fault(row.seq, Flaw.REORDERED)
        if hash_of(row) != row.hash:
            return Fault(row.seq, Flaw.CHANGED)
        if row.previous != self.hash:
            return Fault(row.seq if self._sure == self.seq else self.seq, Flaw.CHANGED)
        return None

    def _head(self, row: Record, head: Head | None) -> Fault | None:
        if head is None:
            return None
        if not self._signed(head):
            return Fault(row.seq, Flaw.HEAD_FORGED)
        if head.hash != row.hash:
            return Fault(row.seq, Flaw.REWRITTEN)
        self._sure = row.seq
        return None


def find_true_place(row: Record, length: int) -> int | None:
    """The number under which a row that does not fit its own was written, when nothing else of it has changed."""
    rest = canonical(row).removeprefix(b"[%d,%d," % (row.version, row.seq))
    for seq in range(1, length + 1):
        if hashlib.sha256(row.previous + b"[%d,%d," % (row.version, seq) + rest).digest() == row.hash:
            return seq
    return None
