"""`/api/v1/status`: the whole site for its central office, in one signed document below 20 kB."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from vmsd.api.bodies import Query, json_answer, query_of
from vmsd.api.etags import etag_of, unchanged
from vmsd.api.operation import operation
from vmsd.api.site import SITE
from vmsd.model.site_status import SignedStatus


class StatusQuery(Query):
    audit_row: Annotated[int, Field(ge=1, le=2**53)] | None = Field(
        None,
        description="The number of a row of the audit log the caller remembers: `status.audit.asked` then has its "
        "hash, so that a log that was written anew is seen.",
    )


@operation(
    name="get_site_status",
    answer=SignedStatus,
    also={304: "Nothing has changed since the answer whose ETag was sent as `If-None-Match`."},
    headers={"ETag": "Changes when the document is made anew, every few seconds."},
)
async def site_status(request: web.Request) -> web.Response:
    """States, figures and ids, without a name; for a token of the scope `status:read`, or a SUPERADMIN.

    The signature is the box's Ed25519 key's over the canonical JSON of `status`: UTF-8, keys sorted, no space.
    """
    query = query_of(request, StatusQuery)
    signed = await request.app[SITE].statuses.get(query.audit_row)
    headers = {"ETag": etag_of(signed["signature"]["signature"])}
    return unchanged(request, headers) or json_answer(signed, headers=headers)
