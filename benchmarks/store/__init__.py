"""What the store costs on many files and on huge ones, beside other tools."""
