"""Spans of OpenTelemetry: what web, workers and couriers do for a job, told to the operator's collector.

Needs the extra `otel`, and OTEL_* variables that configure an exporter. Without them everything here passes a job's
trace on as it came, and makes nothing.
"""
