"""Metrics with and without a reference."""
