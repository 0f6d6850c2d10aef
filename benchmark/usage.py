"""Resource usage of a process and of the machine, from /proc (Linux)."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from fingerpose_ros.replay.node_process import cpu_seconds

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """The resource usage of one process at one time.

    Attributes:
        cpu: CPU seconds since its start.
        others: CPU seconds of all other processes and, on a virtual machine, those taken by others; not of the caller.
        memory, peak_memory: resident memory, MB.
        threads, descriptors: number of threads and open file descriptors.
    """

    cpu: float
    others: float
    memory: float
    peak_memory: float
    threads: int
    descriptors: int

    @staticmethod
    def of(pid: int) -> "Usage":
        process = Path(f"/proc/{pid}")
        status = dict(line.split(":", 1) for line in process.joinpath("status").read_text().splitlines())
        cpu = cpu_seconds(pid)
        return Usage(
            cpu=cpu,
            others=_busy_time() - cpu - (0 if pid == os.getpid() else time.process_time()),
            memory=int(status["VmRSS"].split()[0]) / 1024,
            peak_memory=int(status["VmHWM"].split()[0]) / 1024,
            threads=int(status["Threads"]),
            descriptors=len(list(process.joinpath("fd").iterdir())),
        )


def _busy_time() -> float:
    """CPU seconds that the machine's cores have worked."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def conditions() -> dict:
    """The machine, its load, and the environment variables that affect speed."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name in ("ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS", "RMW_IMPLEMENTATION", "CUDA_VISIBLE_DEVICES")
        },
    }
