"""The supervisor: one machine's processes of broker, web and worker, started, replaced, scaled and drained."""
