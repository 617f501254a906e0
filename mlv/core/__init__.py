"""What things are and how they compare: no files, processes, clock or randomness."""
