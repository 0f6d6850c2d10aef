"""Runs the node with a stand-in estimator as a process."""

import sys

from stand_in import stand_in

from fingerpose_ros.node.node import main

sys.exit(main(estimator_factory=stand_in))
