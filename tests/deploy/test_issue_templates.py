"""The templates of issues: each has its schema, and asks for the output of commands that exist."""

import subprocess
import sys
from pathlib import Path

import pytest

from pixmill.words import program
from tests.deploy.dockerfile import ROOT
from tests.support.patience import stretched

FOLDER = ROOT / ".github" / "ISSUE_TEMPLATE"


def check(path: Path, kind: str) -> int:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", f"vendor.github-issue-{kind}", str(path)]
    return subprocess.run(command, capture_output=True, timeout=stretched(30)).returncode


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_each_has_its_schema(path: Path) -> None:
    assert check(path, "config" if path.name == "config.yml" else "forms") == 0


def test_a_misspelt_key_is_seen(tmp_path: Path) -> None:
    (tmp_path / "fault.yml").write_text((FOLDER / "fault.yml").read_text().replace("validations:", "validation:"))
    assert check(tmp_path / "fault.yml", "forms") == 1


def test_the_commands_that_a_fault_asks_for_are_there() -> None:
    text = (FOLDER / "fault.yml").read_text()
    assert "`pixmill audit`" in text and "audit" in program.commands
    assert "`pixmill --version`" in text and any("--version" in option.opts for option in program.params)
    assert "`make config`" in text and "\nconfig:" in (ROOT / "Makefile").read_text()
