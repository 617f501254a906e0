"""Execute a command, keep what it prints, and know how it is and how it ended."""
