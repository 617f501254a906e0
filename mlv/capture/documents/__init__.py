"""Files of names and values that people write, read with limits and edited in place."""
