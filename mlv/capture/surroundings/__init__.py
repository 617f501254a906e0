"""What surrounds a command: its interpreter, the machine, the variables."""
