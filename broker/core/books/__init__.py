"""The core's records: jobs, workers, queue, turns and measures. They decide nothing."""
