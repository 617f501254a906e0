"""Callbacks that report training in other libraries to the active run."""
