"""Run the command line as `python -m mlv`."""

from mlv.cli.main import main

main()
