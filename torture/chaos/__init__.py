"""Chaos: a cluster under load, struck at random by a seed, and a checker of every promise.

`python -m torture.chaos` (make chaos). plan.py says what is struck, clients.py uploads and keeps the log, strikes.py
carries the plan out, checker.py judges; run.py holds them together, report.py prints.
"""
