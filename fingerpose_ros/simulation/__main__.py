"""`python -m fingerpose_ros.simulation URDF`: run the simulated robot as a process."""

import sys

from .node import main

sys.exit(main())
