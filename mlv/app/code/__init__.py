"""The code of runs, kept in the store as Git bundles."""
