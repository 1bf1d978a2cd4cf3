"""``python -m strongltn``: the command line."""

import sys

from strongltn.exits import status_of


def main() -> None:
    """Run the command line; its imports, too, are where Ctrl-C is no traceback any more."""
    sys.exit(status_of(_app))


def _app() -> None:
    from strongltn.cli import app

    app()


if __name__ == "__main__":
    main()
