"""Callbacks that report training in other libraries to the active run.

Each module needs the library that it is named after, and nothing else imports it.
"""
