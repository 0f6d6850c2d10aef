"""Make the CMake files of the ROS wheels usable in the virtual environment this runs in.

The wheels export the include folders of the Python and NumPy they were built with, on a machine that is not this one
(`/opt/python/cp311-cp311/...`), so that whatever is built on top of them fails to configure. This rewrites them to
this environment's own. Safe to run again.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

BUILDER = r"/opt/python/cp\d+-cp\d+t?"
FOLDERS = (
    (re.compile(BUILDER + r"/include/python3\.\d+t?"), sysconfig.get_paths()["include"]),
    (re.compile(BUILDER + r"/lib/python3\.\d+t?/site-packages/numpy/_?core/include"), numpy.get_include()),
)


def main() -> None:
    for path in sorted(Path(sys.prefix, "share").glob("*/cmake/*.cmake")):
        before = after = path.read_text()
        for folder, ours in FOLDERS:
            after = folder.sub(ours, after)
        if after != before:
            path.write_text(after)


if __name__ == "__main__":
    main()
