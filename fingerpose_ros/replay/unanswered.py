"""Why a node has not answered images, from its diagnostics."""

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray


def node_values(array: DiagnosticArray) -> dict[str, str]:
    """The diagnostics of a hand pose node, by key; empty if the message has none."""
    statuses = [status for status in array.status if status.name.endswith(": hand pose")]
    return {item.key: item.value for status in statuses for item in status.values}


def unanswered(values: Mapping[str, str]) -> dict[str, int]:
    """Counts of what the node dropped and rejected since it was configured, without zeros, by key of `node_values`."""
    keys = [key for key in values if key == "dropped" or key.startswith("rejected: ")]
    return {key: int(values[key]) for key in keys if values[key] != "0"}


def reasons(values: Mapping[str, str]) -> str:
    """The same as text, with the last error."""
    counts = unanswered(values)
    if not counts:
        return "the node gives no reason" if values else "no diagnostics of the node arrived"
    names = {"dropped": "dropped (the next one came before the node was free)"}
    text = ", ".join(f"{count} {names.get(key, key)}" for key, count in counts.items())
    return text if values["last error"] == "none" else f"{text}. The last error is {values['last error']}"
