"""The files of deploy/: every name in them exists, their tools take them, and what they start serves."""
