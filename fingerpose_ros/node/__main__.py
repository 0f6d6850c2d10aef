"""`python -m fingerpose_ros.node`: run the node as a process."""

import sys

from .node import main

sys.exit(main())
