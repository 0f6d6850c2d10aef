"""FingerPoseNet as a ROS 2 perception node: 3D hand poses from a depth camera.

Here: one folder for each purpose. A folder imports only from those named after it: cli, commands and testing; replay;
retarget; node; recording; ros; interop; perception; session, isolation, share, files and program.
Not here: the network's training (`training`).
"""

from pkgutil import extend_path

# The generated messages live in an installed package of the same name; this lets `fingerpose_ros.msg` be found
# when the sources themselves come first on the path.
__path__ = extend_path(__path__, __name__)
