"""The worker role: turns originals into renditions. It owns nothing beyond the jobs that it holds now."""
