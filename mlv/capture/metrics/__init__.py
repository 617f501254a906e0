"""Metrics that a command leaves in files."""
