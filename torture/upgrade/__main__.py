"""`python -m torture.upgrade [REF]`: all scenarios, from the release of a git ref to this tree and back."""

import sys
import tempfile
from pathlib import Path

from bench.parts.report import close_scenarios
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.clusters.load import Figures
from torture.upgrade.releases import lay_down, previous_ref, schema_of
from torture.upgrade.scenarios import SETTINGS, Mixed, broken, by_role, in_place, supervisor_replaced


def main(words: list[str]) -> int:
    """Run all scenarios and print; 1 if anything is broken."""
    ref = words[0] if words else previous_ref()
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="pixmill-upgrade-") as name:
        folder = Path(name)
        old = lay_down(ref, folder / "old")
        back = schema_of(old) == schema_of(ROOT)
        if not back:
            print(f"no way back: the ledger of {ref} has another schema")
        mixed = Mixed(_made(folder / "mixed"))
        try:
            found["by_role"] = by_role(mixed, old, ROOT, back=back)
        finally:
            mixed.stop()
        for scenario in (in_place, supervisor_replaced):
            cluster = Cluster(_made(folder / scenario.__name__), web_processes=2, workers=2, **SETTINGS)
            try:
                found[scenario.__name__] = scenario(cluster, old, ROOT, back=back)
            finally:
                cluster.stop()
    return close_scenarios("upgrade", found, broken)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
