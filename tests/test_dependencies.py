"""What is installed from elsewhere: each of one version and by its hash, no script of a package run on the way."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = [ROOT / "Makefile", *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench" / "peers" / "whole").glob("*.py")]
LOCKS = ["requirements.lock", "requirements-stores.lock", "requirements-dev.lock"]


@pytest.mark.parametrize("name", [*LOCKS, "bench/peers/programs/requirements.lock", "bench/peers/programs/taskiq.lock"])
def test_each_python_package_has_a_hash(name: str) -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).strip())
    assert len(entries) > 10
    assert [entry for entry in entries if not re.match(r"\S+==\S+[^\n]*\\\n\s+--hash=sha256:", entry)] == []


@pytest.mark.parametrize("folder", [".", "tests/deploy/pm2", "tests/browser/uploaders", "bench/peers/node"])
def test_each_node_package_has_a_hash_and_no_address(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 50
    assert [name for name, entry in packages.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    asked = json.loads((ROOT / folder / "package.json").read_text())["dependencies"]
    assert asked == lock["packages"][""]["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked


def test_no_script_of_a_node_package_runs() -> None:
    installs = [
        line.strip()
        for path in COMMANDS
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if re.search(r'npm (ci|install)\b|npm\("(ci|install)"|"npm", "ci"', line)
    ]
    assert len(installs) >= 5
    assert [line for line in installs if "--ignore-scripts" not in line] == []
