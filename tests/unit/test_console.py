"""What is done at the box's own console is written down like everything else, as done there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.unit.tasks.recording_box import settings_in
from vmsd import console
from vmsd.base import open_base
from vmsd.model.person import Role
from vmsd.store.audit import Audit

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "uma senha de teste"
OTHER = "uma outra senha de teste"


async def test_every_command_that_changes_something_leaves_its_rows(tmp_path: Path):
    settings = settings_in(tmp_path)
    city = await console.add_city(settings, "Aqui", "pro")
    await console.add_person(settings, "Ana", PASSWORD, Role.GESTOR, city)
    await console.reset_password(settings, "Ana", OTHER)
    await console.set_status(settings, "Ana", "disabled")
    token = await console.add_token(settings, "Ana", "painel", 30)
    rows: list[dict[str, Any]] = [{"name": "Portaria", "source_url": "rtsp://u:segredo@198.51.100.9/live"}]
    await console.import_cameras(settings, city, rows, dry_run=False, as_text=False)
    await console.import_cameras(settings, city, rows, dry_run=True, as_text=False)
    await console.rebuild_index(settings, lambda *_: None)
    async with open_base(settings) as base:
        written = await Audit(base.database).chunk(0, 10**9, 10**6)
        assert (await base.audit.verify()).valid
    assert [row.action for row in written] == [
        "city.added",
        "person.added",
        "password.reset",
        "person.changed",
        "token.added",
        "camera.added",
        "index.rebuilt",
    ]
    assert {(row.person_name, row.person, row.address) for row in written} == {("console", None, None)}
    assert {row.city for row in written[:-1]} == {city}
    for secret in (PASSWORD, OTHER, token, "segredo"):
        assert secret not in repr(written)
    assert json.loads(written[-1].facts) == {"recordings": 0}
