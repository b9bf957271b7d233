"""Reads YAML files and the environment files beside them."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def documents(path: Path) -> list[dict[str, Any]]:
    """All documents of a YAML file."""
    return list(YAML(typ="safe", pure=True).load_all(path.read_text()))


def variables(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=VALUE lines."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def at_path(answer: object, location: str) -> object:
    """The value at a plain GJSON path (names and indexes with dots between), as KEDA's scaler finds it."""
    for part in location.split("."):
        answer = (
            answer[int(part)] if isinstance(answer, list) else answer.get(part) if isinstance(answer, dict) else None
        )
    return answer
