"""The promises of the whole cluster, in real processes: nothing accepted is lost, whoever dies."""
