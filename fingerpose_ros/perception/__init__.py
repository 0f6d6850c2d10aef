"""The hand pose estimator: a depth image and its camera in, hands out. Nothing in here knows of ROS."""
