"""Chaos: a cluster under load, hit at random by a seed, and a checker of every promise.

`python -m torture.chaos` (make chaos). plan.py says what is hit, clients.py uploads and keeps the log, faults.py
carries the plan out, checker.py judges; run.py holds them together, report.py prints.
"""
