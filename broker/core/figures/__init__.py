"""What the core counts for /metrics. Decides nothing, and knows no job beyond what it is given of one."""
