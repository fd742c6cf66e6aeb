"""What a central office copies: rules that fire when they should, and a dashboard of metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.conftest import make_town
from tests.unit.api.served import serve
from tests.unit.api.test_metrics import camera_of, look
from vmsd.assets import mediamtx_dir
from vmsd.fleet.sites import as_targets, read_sites
from vmsd.host.disk import DiskUsage
from vmsd.host.wear import Wear
from vmsd.services.storage import Capacity

CENTRAL = mediamtx_dir().parent / "packaging" / "central"
ALWAYS_THERE = {"up", "ALERTS"}
"""Made by Prometheus itself."""
NAMES = re.compile(r"\b((?:vmsd|process)_[a-z0-9_]+|up|ALERTS)\b(?=\s*(?:\{|\[|\)|$| ))")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="NOT CHECKED: amtool (prometheus-alertmanager) is not installed"
)


def run(*command: object, cwd: Path = CENTRAL) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((CENTRAL / "rules" / "vmsd.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """Every PromQL of the dashboard, its variables filled in as Grafana does."""
    board = json.loads((CENTRAL / "grafana" / "vmsd.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    found += [one["expr"] for one in board["annotations"]["list"]]
    found += [re.sub(r"label_values\((.*), \w+\)", r"\1", one["definition"]) for one in board["templating"]["list"][1:]]
    return [one.replace("$site", ".*").replace("$__rate_interval", "5m") for one in found]


def metrics_in(texts: Sequence[str]) -> Iterator[str]:
    """Names that stand before a selector or a space, not those of labels."""
    for text in texts:
        bare = re.sub(r"\{[^}]*\}", "{}", re.sub(r"(?:by|on|ignoring) \([^)]*\)", "", text))
        yield from NAMES.findall(bare)


@needs_promtool
def test_every_rule_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", "vmsd_test.yml", cwd=CENTRAL / "rules")
    tests = yaml.safe_load((CENTRAL / "rules" / "vmsd_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in alerts():
        told = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert set(told) == {True, False}, f"{rule['alert']}: seen both to fire and not to"


@needs_promtool
def test_a_rule_that_fires_for_the_wrong_site_is_found(tmp_path: Path) -> None:
    for name in ("vmsd.yml", "vmsd_test.yml"):
        text = (CENTRAL / "rules" / name).read_text()
        (tmp_path / name).write_text(text.replace("on (site, city, camera)", "on (city, camera)"))
    done = subprocess.run(
        ["promtool", "test", "rules", "vmsd_test.yml"], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0


@needs_promtool
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    shutil.copytree(CENTRAL, tmp_path / "central")
    for name in ("central.token", "sites.pem"):
        (tmp_path / "central" / name).touch()
    assert "SUCCESS" in run("promtool", "check", "config", "prometheus.yml", cwd=tmp_path / "central")


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", "alertmanager.yml")
    routed = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", "severity=critical", "site=a")
    assert routed.strip() == "duty"


def test_what_alertmanager_names_exists() -> None:
    named = set(re.findall(r"Vmsd\w+", (CENTRAL / "alertmanager.yml").read_text()))
    assert named
    assert named <= {rule["alert"] for rule in alerts()}


@needs_promtool
def test_every_query_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    rules = [{"record": f"dashboard:{number}", "expr": text} for number, text in enumerate(expressions())]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", file)
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [{"record": "x:y", "expr": "sum by (("}]}]}))
    assert subprocess.run(["promtool", "check", "rules", file], capture_output=True, check=False).returncode != 0


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
async def test_every_metric_of_dashboard_and_rules_is_one_that_exists(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        town = await make_town(served)
        await camera_of(town)
        await look(served)
        watch = served.daemon._volume.watch
        watch.usage, watch.capacity = DiskUsage(1000, 250, 100, 75), Capacity(1e9, 10, 77, 3.5, 1_795_000_000_000)
        served.daemon.guards_room.wear.last = Wear("ssd", 0.1, False, "smart")
        told = (await town.ask("GET", "/metrics", who=town.root)).raw.decode()
    families = set(re.findall(r"^# TYPE (\S+) ", told, re.MULTILINE))
    wanted = set(metrics_in([*expressions(), *(rule["expr"] for rule in alerts())]))
    assert len(wanted) > 25
    assert wanted - ALWAYS_THERE <= families, wanted - ALWAYS_THERE - families
    assert set(metrics_in(['sum by (vmsd_label) (vmsd_made_up{city="vmsd_x"})'])) == {"vmsd_made_up"}


def test_the_example_of_sites_can_be_read_and_names_the_targets(tmp_path: Path) -> None:
    for name in ("sites.toml", "sites.json"):
        shutil.copy(CENTRAL / name, tmp_path)
    (tmp_path / "sites.pem").touch()
    (tmp_path / "central.token").write_text("vmsd_" + "a" * 43)
    found = as_targets(read_sites(tmp_path / "sites.toml"))
    assert list(found) == json.loads((tmp_path / "sites.json").read_text())
