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


def reasons(values: Mapping[str, str], lost: int) -> str:
    """The same as text, with the last error, for `lost` images without an answer."""
    counts = unanswered(values)
    names = {"dropped": "dropped (the next one came before the node was free)"}
    parts = [f"{count} {names.get(key, key)}" for key, count in counts.items()]
    if (unknown := lost - sum(counts.values())) > 0:
        parts.append(f"{unknown} did not reach the node, or were answered late")
    text = ", ".join(parts)
    error = values.get("last error", "none")
    return text if error == "none" else f"{text}. The last error is {error}"
