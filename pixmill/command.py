"""The program `pixmill`. Ctrl-C ends it silently from here on, also while its words (pixmill/words.py) are imported."""

from pixmill.interrupts import end_at_once


def main() -> None:
    """Run the command that `sys.argv` has, and exit."""
    end_at_once()
    from pixmill.words import program

    program()
