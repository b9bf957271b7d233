"""Tests of broker/core/audit."""
