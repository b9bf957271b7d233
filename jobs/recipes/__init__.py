"""Recipes and presets, and their meaning for an image: sides, plan, library, explanation."""
