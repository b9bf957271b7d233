"""Figures: what is counted, by which names, and in which cells. Pure: whoever counts owns the numbers."""
