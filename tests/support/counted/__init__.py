"""A folder for PYTHONPATH: the processes below it can count what they hold."""
