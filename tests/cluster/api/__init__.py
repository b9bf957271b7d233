"""The API as its own document tells it: schemathesis and generated clients against real clusters."""
