"""Webhooks: what an event says, when a delivery is tried again, and how it is signed (Standard Webhooks). Pure."""
