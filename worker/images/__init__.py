"""The image path: one original in, the renditions of its recipe out."""
