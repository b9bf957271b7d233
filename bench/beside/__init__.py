"""Pixmill beside whole architectures: the tables, their ratios, and their place in docs/performance.md."""
