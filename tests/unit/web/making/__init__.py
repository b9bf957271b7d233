"""Tests of web/making."""
