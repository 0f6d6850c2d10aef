"""Make the CMake files of the ROS wheels usable in the current virtual environment.

The wheels' CMake files contain the include folders of the machine where they were built
(`/opt/python/cp311-cp311/...`), so packages that depend on them cannot be configured. This replaces them with this
environment's include folders. Safe to run again.
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
        old = new = path.read_text()
        for pattern, folder in FOLDERS:
            new = pattern.sub(folder, new)
        if new != old:
            path.write_text(new)


if __name__ == "__main__":
    main()
