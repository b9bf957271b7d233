"""deploy/prometheus and deploy/grafana: promtool takes every expression, each alert fires and clears by its cause, and
no file names a metric, a label or a value that no scrape has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from jobs.figures.cluster import LAYOUT
from jobs.figures.layout import Family
from pixmill import textfile
from tests.support.clusters.cluster import ROOT
from tests.support.harnesses.web_harness import WebHarness, serve
from tests.support.house.needs import lacking
from web.metrics.cluster import FAMILIES
from web.metrics.exposition import SUFFIX
from web.metrics.families import OWN, layout
from web.routes import TITLES

PROMETHEUS, DASHBOARD = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana" / "pixmill.json"
OPERATIONS = ROOT / "docs" / "operations.md"
KNOWN: dict[str, Family] = {
    family.name + SUFFIX.get(family.kind, ""): family
    for family in (*LAYOUT.families, *FAMILIES.values(), *OWN.values(), *layout(TITLES).families)
}
OURS = {"job", "instance", "le"}
"""Labels that Prometheus, or the format, adds."""
_SELECTOR = re.compile(r"(pixmill_[a-z_]+|up)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!=|=)\s*"([^"]*)"')


def promtool(*words: str | Path) -> None:
    """Raises AssertionError with what promtool says."""
    if (program := shutil.which("promtool")) is None:
        lacking("there is no promtool: apt-get install prometheus")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    loaded = YAML(typ="safe").load((PROMETHEUS / "rules.yml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def panel_expressions() -> list[str]:
    """The expressions of the dashboard, with values in place of Grafana's variables."""
    found = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    return [each.replace("$__rate_interval", "1m").replace("$job", "pixmill") for each in found]


def selectors() -> Iterator[tuple[str, str]]:
    """(metric, matchers) each, of both files."""
    for expression in (*panel_expressions(), *(rule["expr"] for rule in rules())):
        for name, matchers in _SELECTOR.findall(expression):
            yield re.sub(r"_(bucket|count|sum)$", "", name), matchers


def test_the_rules_are_right_and_each_alert_fires_and_clears_in_samples() -> None:
    promtool("check", "rules", PROMETHEUS / "rules.yml")
    promtool("test", "rules", PROMETHEUS / "rules.test.yml")
    cases = YAML(typ="safe").load((PROMETHEUS / "rules.test.yml").read_text())["tests"]
    fired, silent = set[str](), set[str]()
    for case in cases:
        for asked in case["alert_rule_test"]:
            (fired if asked.get("exp_alerts") else silent).add(asked["alertname"])
    assert fired == silent == {rule["alert"] for rule in rules()}


def test_every_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    records = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(panel_expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": records}]}))  # JSON is YAML
    promtool("check", "rules", file)


def test_every_metric_is_in_a_scrape() -> None:
    scraped = {"up", *(name for name, _ in textfile._METRICS)}

    async def scenario(harness: WebHarness) -> None:
        harness.broker.beat()
        text = (await harness.client.get("/metrics")).text
        scraped.update(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))

    serve(scenario)
    named = {name for name, _ in selectors()}
    assert named - scraped == set()
    assert len(named) > 30


def test_every_label_and_value_is_one_of_its_metric() -> None:
    for name, matchers in selectors():
        family = KNOWN.get(name)
        for label, how, text in _MATCHER.findall(matchers) if family else ():
            if family is None or label in OURS:
                continue
            values = {value[family.labels.index(label)] for value in family.values}
            wanted = text.split("|") if how == "=~" else [text]
            assert set(wanted) <= values, f"{name}: {label} {wanted}"


def test_the_first_row_says_whether_it_is_healthy() -> None:
    first, *rest = panels()
    assert first["type"] == "row" and first["title"].startswith("Is it healthy")
    following = [panel["type"] for panel in rest]
    assert following[: following.index("row")] == ["stat"] * 8
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
def test_each_alert_has_its_row_in_the_docs(alert: str) -> None:
    section = OPERATIONS.read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert alert in {name for name, _, _ in rows}
    assert {name for name, _, _ in rows} == {rule["alert"] for rule in rules()}
