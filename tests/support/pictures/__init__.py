"""Pictures to send, and measures of what comes out."""
