"""``python -m lr_toolkit``: the command ``lr-toolkit``."""

from lr_toolkit.cli import main

if __name__ == "__main__":
    main()
