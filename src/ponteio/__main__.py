"""`python -m ponteio` is the command line."""

from ponteio.cli import main

main()
