"""Endurance of the node: memory, threads, file descriptors and latency over a long time at 30 Hz; output as JSON.

./run python benchmark/endurance.py --minutes 30
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the node does

sys.path[:0] = [str(Path(__file__).parents[1])]

import numpy as np  # noqa: E402
from node_stream import NodeStream  # noqa: E402
from rows import percentiles  # noqa: E402
from scenes import sample_frames  # noqa: E402
from usage import conditions  # noqa: E402

from fingerpose_ros.perception import backends  # noqa: E402

WINDOW = 10.0
"""Seconds between two samples."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="auto")
    arguments = parser.parse_args()
    windows: list[dict] = []
    sent = answered = 0
    with NodeStream(*sample_frames(1), {"precision": arguments.precision}, timed=False) as stream:
        stream.first_pose()
        while len(windows) * WINDOW < arguments.minutes * 60:
            window = stream.stream(WINDOW, 30.0)
            sent, answered = sent + len(window.sent), answered + len(window.answers)
            usage = window.after
            windows.append(
                {"memory_mb": round(usage.memory, 2), "threads": usage.threads, "descriptors": usage.descriptors}
                | {"sent_to_answer_ms": percentiles(window.answers)}
            )
            print(f"{len(windows) * WINDOW:.0f} s: {json.dumps(windows[-1])}", file=sys.stderr, flush=True)
    report = {"conditions": conditions(), "sent": sent, "answered": answered} | growth(windows)
    print(json.dumps(report, indent=1))
    return 0


def growth(windows: list[dict]) -> dict:
    """From the second tenth of the time (the first is warm-up) to the last."""
    part = max(len(windows) // 10, 1)
    first, last = windows[part : 2 * part] or windows[:part], windows[-part:]
    before, after = (float(np.mean([window["memory_mb"] for window in tenth])) for tenth in (first, last))
    return {
        "memory_growth": round(after / before - 1, 5),
        "threads": [first[0]["threads"], last[-1]["threads"]],
        "descriptors": [first[0]["descriptors"], last[-1]["descriptors"]],
        "sent_to_answer_p50_ms": [
            round(float(np.mean([window["sent_to_answer_ms"]["p50"] for window in tenth])), 2)
            for tenth in (first, last)
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
