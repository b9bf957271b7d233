"""Webhooks to hostile receivers, while brokers and couriers are killed: each event at least once, and none invented."""
