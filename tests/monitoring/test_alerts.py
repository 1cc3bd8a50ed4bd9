"""The alerts fire at what they say and at nothing less, by Prometheus's own promtool; and what they
and docs/monitoring.md name is there.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from ppims.core import counts
from ppims.metrics import gauges
from tests.monitoring.cases import CASE_BY_ALERT

IS_REQUIRED = "promtool" in os.environ.get("PPIMS_TEST_REQUIRE", "")
DOCS = Path(settings.BASE_DIR) / "docs"
RULES = DOCS / "alerts.rules.yml"
SECTIONS = ("**It means:**", "**First look:**", "**Do:**")

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") and not IS_REQUIRED,
    reason="no promtool here, the alerts are NOT tried (apt-get install prometheus)",
)


def read_rules():
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def run_promtool(*arguments):
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def write_test(rule, series, minutes, alerts):
    """Write one of promtool's tests; JSON is YAML too."""
    return {
        "interval": "1m",
        "input_series": [
            {"series": add_instance(name), "values": values} for name, values in series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{minutes}m", "alertname": rule["alert"], "exp_alerts": alerts}
        ],
    }


def add_instance(name):
    """Write of a series that it is of one server, as all of them are."""
    instance = 'instance="one"'
    return name.replace("}", f",{instance}}}") if "{" in name else f"{name}{{{instance}}}"


def write_tests(*alerts):
    tests, rules = [], read_rules()
    for alert in alerts or rules:
        rule = rules[alert]
        case = CASE_BY_ALERT[alert]
        labels = {**rule["labels"], "instance": "one", **case.labels}
        fired = {"exp_labels": labels, "exp_annotations": rule["annotations"]}
        tests += [
            write_test(rule, case.fires, case.minutes, [fired]),
            write_test(rule, case.quiet, case.minutes, []),
        ]
    return tests


def test_each_alert_has_a_case_and_each_case_its_alert():
    assert list(read_rules()) == list(CASE_BY_ALERT)


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_rules():
    code, said = run_promtool("check", "rules", RULES)
    assert code == 0, said


@needs_promtool
def test_each_alert_fires_at_what_it_says_and_at_nothing_less(tmp_path):
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": write_tests()}))
    code, said = run_promtool("test", "rules", file)
    assert code == 0, said


@needs_promtool
def test_promtool_would_find_an_alert_that_does_not_fire(tmp_path):
    broken = tmp_path / "rules.yml"
    broken.write_text(RULES.read_text("utf-8").replace("ppims_database_up == 0", "vector(0) == 1"))
    file = tmp_path / "tests.yml"
    file.write_text(
        json.dumps({"rule_files": [str(broken)], "tests": write_tests("PpimsDatabaseDown")})
    )
    code, said = run_promtool("test", "rules", file)
    assert code == 1
    assert "PpimsDatabaseDown" in said


def list_metrics():
    return {count.name for count in counts.EVERY_COUNT} | set(gauges.EVERY_GAUGE)


def name_metrics(text):
    """Name the metrics that a text speaks of, without what a histogram's series end with."""
    named = set(re.findall(r"\bppims_\w+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


def test_each_metric_stands_in_the_table_and_nothing_else_does():
    rows = re.findall(r"^\| `(ppims_\w+)` \|", read_monitoring(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == list_metrics()


def test_what_the_rules_and_the_document_name_is_measured():
    for text in (RULES.read_text("utf-8"), read_monitoring()):
        assert name_metrics(text) <= list_metrics()


@pytest.mark.parametrize("alert", CASE_BY_ALERT)
def test_each_alert_says_what_it_means_and_what_to_do(alert):
    rule = read_rules()[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{alert.lower()}"
    section = read_monitoring().split(f"\n### {alert}\n")[1].split("\n##")[0]
    assert [part for part in SECTIONS if part not in section] == []


def read_monitoring():
    return (DOCS / "monitoring.md").read_text("utf-8")
