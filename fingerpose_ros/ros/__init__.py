"""Between ROS messages and arrays: depth images and cameras in; hands, transforms, markers and diagnostics out.

Pure functions: nothing in here needs a running node.
"""
