"""Servers that pixmill uses (Redis, S3, PostgreSQL), stopped, killed and started again under load."""
