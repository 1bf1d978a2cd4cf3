"""Write the list of tests that the fast run leaves out, from the times of a run of all tests.

    pytest -n auto --dist worksteal --junitxml=times.xml
    python tests/helpers/slow_list.py times.xml > tests/slow.txt

A line is a test function whose cases took more than `LIMIT_SECONDS` together. What the fast run
does with the list stands in `conftest.py`.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

LIMIT_SECONDS = 0.3


def slow_functions(times: Path) -> list[str]:
    """Return the functions, as ``tests/FILE.py::NAME``, in alphabetical order."""
    seconds: Counter[str] = Counter()
    for case in ET.parse(times).iter("testcase"):
        path = case.attrib["classname"].replace(".", "/") + ".py"
        seconds[f"{path}::{case.attrib['name'].split('[')[0]}"] += float(case.attrib["time"])
    return sorted(name for name, total in seconds.items() if total > LIMIT_SECONDS)


if __name__ == "__main__":
    print(*slow_functions(Path(sys.argv[1])), sep="\n")
