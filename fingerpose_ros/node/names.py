"""Warning of another node with the same name."""

from rclpy.node import Node


class NameMonitor:
    """Warns when a second node of the same name is on the graph; both nodes do.

    Args:
        node: the node whose name is checked.
    """

    def __init__(self, node: Node):
        self._node = node
        self._warned = False

    def check(self) -> None:
        """Call this regularly: a node sees the others some time after its start."""
        name = self._node.get_fully_qualified_name()
        count = self._node.get_fully_qualified_node_names().count(name)
        if count > 1 and not self._warned:
            self._node.get_logger().warning(
                f"{count} nodes are called {name}: requests for parameters and transitions reach all of them, and "
                "/diagnostics mixes them. Give each a namespace (-r __ns:=/left, launch argument namespace) or a name "
                "(-r __node:=left_hand). A node that was killed is still seen for some seconds"
            )
        self._warned = count > 1
