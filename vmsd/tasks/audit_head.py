"""Signs what the audit log has come to, so that nobody who holds the database can write its past anew.

Reads: the rows since the last head. Writes: one signed head, when there are any. Keeps true: at most an hour of
the log is without the box's signature, and rows that do not follow from what was signed are never signed.
"""

from __future__ import annotations

from typing import ClassVar

import structlog

from vmsd.services.audit import AuditLog

log = structlog.get_logger()


class AuditHead:
    name: ClassVar[str] = "audit_head"
    every_s: ClassVar[float] = 3600.0
    deadline_s: ClassVar[float] = 120.0

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def once(self) -> None:
        head = await self._audit.sign_head()
        if head:
            log.info("audit.signed", row=head.seq, hash=head.hash.hex())
