"""The parts of the docs that are made of code: `python -m tests.support.docs` writes them anew.

tests/unit/test_docs.py fails where they have drifted.
"""

from pathlib import Path

from jobs.job import ENDED, TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- states: made of jobs.job.TRANSITIONS by `python -m tests.support.docs` -->\n"
END = "<!-- end of states -->\n"


def state_diagram() -> str:
    """The states and their arrows as Mermaid text."""
    arrows = [(state, after) for state in TRANSITIONS for after in sorted(TRANSITIONS[state])]
    lines = ["stateDiagram-v2", "    [*] --> queued", "    [*] --> failed: quarantined"]
    lines += [f"    {state} --> {after}" for state, after in arrows]
    lines += [f"    {state} --> [*]" for state in TRANSITIONS if state in ENDED]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def with_diagram(text: str) -> str:
    """`text` with the diagram of today between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + state_diagram() + END + after


if __name__ == "__main__":
    ARCHITECTURE.write_text(with_diagram(ARCHITECTURE.read_text()))
