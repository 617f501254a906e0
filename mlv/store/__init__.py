"""Content-addressed storage under `.mlv/`: objects, operation log, caches."""
