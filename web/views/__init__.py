"""Jobs, statistics and events as the API shows them. Pure."""
