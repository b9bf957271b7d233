"""`python -m pixmill`: the command, where no `pixmill` script is installed."""

from pixmill.command import main

main()
