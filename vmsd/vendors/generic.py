"""Any other camera: a template such as `rtsp://{host}:{port}/stream{channel}?sub={subtype}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmsd.errors import FieldProblem, Invalid
from vmsd.vendors.urls import parse

if TYPE_CHECKING:
    from vmsd.vendors.place import Place
    from vmsd.vendors.urls import Protocol, SourceUrl

_FIELD = re.compile(r"\{([^{}]*)\}")


def source_url(place: Place, template: str, protocol: Protocol = "rtsp") -> SourceUrl:
    """Without credentials; Invalid at `/template` for an unknown field, at `/source_url` for the result."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    fields = {"host": host, "port": place.port, "channel": place.channel, "subtype": place.subtype}
    unknown = [name for name in _FIELD.findall(template) if name not in fields]
    if unknown or _FIELD.sub("", template).count("{"):
        known = ", ".join(f"{{{name}}}" for name in fields)
        raise Invalid("the template cannot be used", FieldProblem("/template", f"a template knows {known}"))
    return parse(_FIELD.sub(lambda found: str(fields[found[1]]), template), protocol)
