"""Fingerprint files into trees, and write trees back into files."""
