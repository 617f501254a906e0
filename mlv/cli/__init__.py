"""The command line: parse, call `mlv.app`, render."""
