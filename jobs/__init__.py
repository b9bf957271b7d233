"""The shared vocabulary of pixmill. Pure: every role imports it, and it imports no role."""
