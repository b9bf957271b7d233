"""`python -m torture.uploads --files 1000`: prints what became of the files; 1 where anything is broken."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.parts.report import close_scenarios
from tests.support.clusters.cluster import Cluster
from torture.uploads.folder import SETTINGS, broken, folder_uploaded

FILES = 1000


def main() -> int:
    """Run it, print; 1 where anything is broken."""
    parser = argparse.ArgumentParser(description="Uploads a folder through two killed brokers and a Ctrl-C.")
    parser.add_argument("--files", type=int, default=FILES)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory(prefix="pixmill-torture-") as folder:
        cluster = Cluster(Path(folder), **SETTINGS)
        try:
            found = {"folder": folder_uploaded(cluster.start(), files)}
        finally:
            cluster.stop()
    return close_scenarios("uploads", found, broken)


sys.exit(main())
