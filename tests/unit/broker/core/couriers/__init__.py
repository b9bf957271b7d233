"""Tests of broker/core/couriers/."""
