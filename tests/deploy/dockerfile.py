"""Reads deploy/image/Dockerfile as a list of instructions, and the environment of its last stage."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """All instructions: the word, and its text on one line."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], " ".join(line.split()[1:])) for line in joined.splitlines() if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of the image that is shipped."""
    found = instructions()
    start = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def texts(word: str) -> list[str]:
    """The texts of all instructions `word` in the last stage."""
    return [text for each, text in last_stage() if each == word]


def words(word: str) -> list[str]:
    """The list that the one instruction `word` of the last stage gives as JSON (`CMD [...]`)."""
    (text,) = texts(word)
    listed: list[str] = json.loads(text[text.index("[") :])
    return listed


def environ() -> dict[str, str]:
    """The variables of the image."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(texts("ENV"))))
