"""Chaos: a cluster under load, hit at random by a seed, and a checker of every promise.

`python -m torture.chaos` (make chaos). plan.py makes the plan of faults, faults.py carries it out, clients.py uploads
and keeps the log, checker.py judges. run.py combines them, report.py prints.
"""
