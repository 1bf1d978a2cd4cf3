"""``python -m strongltn``: the command line."""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # The first place of the path is the directory in which python -m runs: a stranger's files may
    # lie there, with a numpy.py among them. Only a checkout imports from where it is.
    _home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:1] = [place for place in sys.path[:1] if os.path.abspath(place) == _home]

from strongltn.process.exits import status_of


def main() -> None:
    """Run the command line; its imports, too, are where Ctrl-C is no traceback any more."""
    sys.exit(status_of(_app))


def _app() -> None:
    from strongltn.cli.main import app

    app()


if __name__ == "__main__":
    main()
