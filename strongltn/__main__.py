"""``python -m strongltn``: the command line."""

from strongltn.cli import main

if __name__ == "__main__":
    main()
