"""What the core keeps: jobs, workers, queue, turns and measures. It decides nothing."""
