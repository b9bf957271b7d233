"""Who is calling, what they may do, and what a handler is given."""
