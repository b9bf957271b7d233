"""Tests of broker/core/strangers."""
