"""The worker role: turns originals into renditions, owning nothing beyond what it holds now."""
