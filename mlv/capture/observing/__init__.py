"""Watch which files the processes of a command open."""
