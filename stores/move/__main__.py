"""Moves pixmill's data to another store: `python -m stores.move FROM TO`.

A place is a folder (PIXMILL_DATA), postgresql://... or s3://... With postgresql:// the ledger moves: stop pixmill
before. With s3:// all originals and renditions move: once while pixmill runs, and once more when it is stopped. The
settings must be those of the running pixmill: its ledger has the digests of the blobs. A move that was stopped goes on
when it is started again.
"""

import argparse
from pathlib import Path

from host.files.folders import keep_private
from host.log.start import setup_faults_end
from host.settings.environment import load_settings
from host.settings.settings import Settings
from jobs.errors import SetupFault, StoreFault
from stores.move import names, rows
from stores.move.places import POSTGRES, end_at
from stores.opening import blobs_at, open_reader

S3 = "s3://"


def move(settings: Settings, source: str, target: str) -> str:
    """Carry out the move that the two places ask for; what was done, in a sentence. Raises SetupFault."""
    kinds = [place.partition("://")[0] if "://" in place else "folder" for place in (source, target)]
    ledger = any(place.startswith(POSTGRES) for place in (source, target))
    blobs = any(place.startswith(S3) for place in (source, target))
    if ledger == blobs or not {*kinds} <= {"folder", "postgresql", "postgres", "s3"}:
        raise SetupFault(
            "a move is between a folder and postgresql://... (the ledger), or between a folder and s3://... (all "
            "blobs): copy a folder to a folder by stores.backup"
        )
    try:
        return move_ledger(source, target) if ledger else move_blobs(settings, source, target)
    except (StoreFault, OSError) as error:
        detail = error.detail if isinstance(error, StoreFault) else str(error)
        raise SetupFault(f"the move was stopped ({detail}): mend that, and start it again, it goes on") from None


def move_ledger(source: str, target: str) -> str:
    """Move the ledger; no broker can run on either meanwhile."""
    from_end = end_at(source, source=True)
    try:
        to_end = end_at(target, source=False)
        try:
            if to_end.whole:
                held = rows.compared(from_end.ledger, to_end.ledger)
            elif from_end.moved:
                raise SetupFault("FROM was moved before, to another place than TO: give that place")
            else:
                held = rows.pour(from_end.ledger, to_end.ledger, print)
                to_end.put_in_use()
            if not from_end.moved:
                from_end.put_out_of_use()
        finally:
            to_end.close()
    finally:
        from_end.close()
    counts = ", ".join(f"{count} {kind}" for kind, count in held.counts.items() if kind != "meta")
    return f"the ledger is moved and verified ({counts}; sha256 {held.digest}): set PIXMILL_LEDGER_URL, and start"


def move_blobs(settings: Settings, source: str, target: str) -> str:
    """Copy the blobs that `target` lacks. Raises SetupFault if one of them is damaged."""
    if not source.startswith(S3) and not Path(source, "raw").is_dir():
        raise SetupFault(f"{source} has no folder raw: give the PIXMILL_DATA of the blobs")
    reader = open_reader(settings)
    try:
        tally = names.pour(blobs_at(settings, source), blobs_at(settings, target), reader.jobs, print)
    finally:
        reader.close()
    done = f"{tally.copied} blobs are copied and verified, {tally.there} were there, {tally.gone} went meanwhile"
    if tally.rowless:
        done += f" ({tally.rowless} originals have no row in this ledger, so no digest proves them at FROM)"
    if tally.damaged:
        raise SetupFault(
            f"{done}, and {len(tally.damaged)} are damaged and not copied: bring them back from a back-up, or purge "
            "their jobs"
        )
    return f"{done}: stop pixmill and start this once more, then set PIXMILL_BLOBS_URL, and start"


def main() -> None:
    """Carry out the command. Raises SetupFault."""
    parser = argparse.ArgumentParser(
        "python -m stores.move", usage="python -m stores.move FROM TO", description=__doc__
    )
    parser.add_argument("source", metavar="FROM", help="a folder, postgresql://... or s3://...")
    parser.add_argument("target", metavar="TO", help="the same, of another kind")
    asked = parser.parse_args()
    keep_private()
    settings, _ = load_settings()
    print(move(settings, asked.source, asked.target))


if __name__ == "__main__":
    with setup_faults_end("move"):
        main()
