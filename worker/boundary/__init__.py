"""The boundary between keeper and decoder: their messages, the shared page, the sandbox."""
