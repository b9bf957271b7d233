"""The workflow for GitHub: valid by its schema, and it runs commands that the Makefile has."""

import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.dockerfile import ROOT
from tests.deploy.manifests import documents
from tests.support.patience import stretched

WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"


def check(path: Path) -> int:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.github-workflows", str(path)]
    return subprocess.run(command, capture_output=True, timeout=stretched(60)).returncode


def test_it_has_its_schema() -> None:
    assert check(WORKFLOW) == 0


def test_a_misspelt_key_is_seen(tmp_path: Path) -> None:
    (tmp_path / "test.yml").write_text(WORKFLOW.read_text().replace("runs-on:", "run-on:", 1))
    assert check(tmp_path / "test.yml") == 1


def test_each_command_that_it_runs_is_there() -> None:
    steps = [step for job in documents(WORKFLOW)[0]["jobs"].values() for step in job["steps"]]
    asked = {target for step in steps for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))}
    assert asked == {"test", "test-fast", "check"}
    assert asked <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
