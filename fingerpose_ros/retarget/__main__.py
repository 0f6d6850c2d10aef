"""`python -m fingerpose_ros.retarget`: run the node as a process."""

import sys

from .node import main

sys.exit(main())
