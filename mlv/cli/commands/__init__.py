"""One module a command: parse, call `mlv.app`, render."""
