"""The flight recorder: what enters the core is recorded, and can be decided once more."""
