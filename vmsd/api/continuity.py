"""`/api/v1/continuity`: the signed certificate of what was recorded of a camera, as JSON or on paper."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from aiohttp import web
from typing_extensions import TypedDict

from vmsd.api.bodies import json_answer, query_of
from vmsd.api.door import caller_of, city_of, verb_of
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.api.timeline import MonthAtMost
from vmsd.model.continuity import ContinuityCertificate, Signature
from vmsd.services.continuity import on_paper

PDF = "application/pdf"


class Certified(MonthAtMost):
    camera_id: UUID
    format: Literal["json", "pdf"] = "json"


class ContinuityAnswer(TypedDict):
    certificate: ContinuityCertificate
    signature: Signature


@operation(name="certify_continuity", answer=ContinuityAnswer, media=PDF)
async def certify(request: web.Request) -> web.Response:
    """At most 35 days; also of a camera that has been removed. That it was issued is written down."""
    asked, city, site = query_of(request, Certified), city_of(request), request.app[SITE]
    camera = await city.cameras.get(str(asked.camera_id), verb_of(request), removed_too=True)
    by = caller_of(request).who
    certificate, signature = await site.continuity.certify(city.timeline, camera, asked.start_ms, asked.end_ms, by)
    if asked.format == "json":
        answer: ContinuityAnswer = {"certificate": certificate, "signature": signature}
        return json_answer(answer)
    name = f"continuidade-{certificate['id']}.pdf"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=await on_paper(certificate, signature), content_type=PDF, headers=headers)
