"""Statistics -> one status for /diagnostics."""

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from .statistics import Report

SILENCE_LIMIT = 3.0
"""Seconds without an image, or without an answer, before a warning. Some cameras need more than one second per
image."""


def status(name: str, state: str, backend: str, report: Report) -> DiagnosticStatus:
    """The node's health in one line, and its statistics as key-value pairs.

    Args:
        name: the node's full name.
        state: its lifecycle state, such as "active".
        backend: engine, device and precision; "" while there is no estimator.
    """
    level, message = _level_and_message(state, report)
    median, percentile_99 = report.latency or (float("nan"), float("nan"))
    values = {
        "state": state,
        "backend": backend or "none",
        "images in (Hz)": f"{report.images_in:.1f}",
        "images out (Hz)": f"{report.images_out:.1f}",
        "latency p50 (ms)": f"{median * 1e3:.1f}",
        "latency p99 (ms)": f"{percentile_99 * 1e3:.1f}",
        "hands": str(report.hands),
        "received": str(report.received),
        "answered": str(report.answered),
        "dropped": str(report.dropped),
        "lost": str(report.lost),
        "rejected": str(sum(report.rejected.values())),
        **{f"rejected: {reason}": str(count) for reason, count in sorted(report.rejected.items())},
        "missing ignored frames": report.missing_frames or "none",
        "last error": report.last_error or "none",
    }
    return DiagnosticStatus(
        level=level,
        name=f"{name.lstrip('/')}: hand pose",
        message=message,
        hardware_id="",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _level_and_message(state: str, report: Report) -> tuple[bytes, str]:
    if state != "active":
        if report.last_error and state == "unconfigured":
            return DiagnosticStatus.ERROR, report.last_error
        return DiagnosticStatus.WARN, f"not active ({state})"
    if report.new_failures:
        return DiagnosticStatus.ERROR, report.last_error
    if report.new_errors:
        return DiagnosticStatus.WARN, report.last_error
    if report.loss:
        return DiagnosticStatus.WARN, f"{report.loss}; see the log for the remedy"
    if report.since_received > SILENCE_LIMIT:
        return DiagnosticStatus.WARN, "no image arrives"
    if report.since_answered > SILENCE_LIMIT:
        return DiagnosticStatus.WARN, "images arrive, but none is answered"
    if report.no_depth:
        return DiagnosticStatus.WARN, "the depth images have no valid pixel"
    if report.missing_frames:
        return DiagnosticStatus.WARN, report.missing_frames
    return DiagnosticStatus.OK, f"{report.images_out:.1f} images/s"
