"""State and statistics -> one status for /diagnostics."""

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from .follower import Follower
from .safety import State
from .statistics import Statistics

LEVELS = {State.FOLLOWING: DiagnosticStatus.OK, State.DISABLED: DiagnosticStatus.OK}
"""State of the safety -> level; a warning for the others, in which the robot does not follow although it is enabled."""


def status(name: str, state: str, follower: Follower | None, statistics: Statistics) -> DiagnosticStatus:
    """The node's state in one line, and its statistics as key-value pairs.

    Args:
        name: the node's full name.
        state: its lifecycle state, such as "active".
        follower: None while there is no robot description.
    """
    level, message = _level_and_message(state, follower, statistics)
    median, percentile_99 = statistics.latency()
    values = {
        "state": state,
        "robot": follower.safety.state.value if follower else "no robot description",
        "reason": follower.safety.reason if follower else "",
        "operator's hand": f"track {follower.track_id}"
        if follower and follower.track_id is not None
        else "none chosen",
        "mapping": follower.plan.mapping.description if follower else "none",
        "joints": ", ".join(follower.plan.joints) if follower else "none",
        "commands (Hz)": f"{statistics.rate():.1f}",
        "latency p50 (ms)": f"{median * 1e3:.1f}",
        "latency p99 (ms)": f"{percentile_99 * 1e3:.1f}",
        "received": str(statistics.received),
        "commands": str(statistics.commands),
        "holds": str(sum(follower.safety.holds.values()) if follower else 0),
        **{
            f"holds: {reason}": str(count)
            for reason, count in sorted(follower.safety.holds.items() if follower else ())
        },
        **{f"rejected: {reason}": str(count) for reason, count in sorted(statistics.rejected.items())},
        "last error": statistics.last_error or "none",
    }
    return DiagnosticStatus(
        level=level,
        name=f"{name.lstrip('/')}: retargeting",
        message=message,
        hardware_id="",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _level_and_message(state: str, follower: Follower | None, statistics: Statistics) -> tuple[bytes, str]:
    if statistics.failing:
        return DiagnosticStatus.ERROR, statistics.last_error
    if state != "active":
        return DiagnosticStatus.WARN, f"not active ({state})"
    if follower is None:
        return DiagnosticStatus.WARN, "no robot description has arrived"
    safety = follower.safety
    return LEVELS.get(safety.state, DiagnosticStatus.WARN), f"{safety.state.value}: {safety.reason}"
