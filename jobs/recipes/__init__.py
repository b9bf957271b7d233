"""What is asked of an image, and what that means: recipes, presets, sides, the plan, the engine."""
