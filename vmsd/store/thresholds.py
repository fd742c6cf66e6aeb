"""When the figures of a city's health board turn amber and red; only what was moved is stored."""

from __future__ import annotations

from collections.abc import Mapping

from vmsd.store.scope import CityTransaction, Scope
from vmsd.store.statements import CitySql

LIST = CitySql("SELECT figure, amber, red FROM threshold WHERE city_id = :city_id ORDER BY figure")
CLEAR = CitySql("DELETE FROM threshold WHERE city_id = :city_id")
ADD = CitySql("INSERT INTO threshold (city_id, figure, amber, red) VALUES (:city_id, :figure, :amber, :red)")


class Thresholds:
    """Each is amber and red, by the name of its figure."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def list(self, transaction: CityTransaction | None = None) -> Mapping[str, tuple[float, float]]:
        rows = await (transaction or self._scope).fetch(LIST)
        return {row["figure"]: (row["amber"], row["red"]) for row in rows}

    async def replace(self, transaction: CityTransaction, moved: Mapping[str, tuple[float, float]]) -> None:
        await transaction.execute(CLEAR)
        for figure, (amber, red) in moved.items():
            await transaction.execute(ADD, figure=figure, amber=amber, red=red)
