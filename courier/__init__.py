"""The courier role: the only process that calls strangers. It owns nothing beyond the calls that it makes now."""
