"""Properties of the CPU that the engines do not report."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def is_slow_in_bf16() -> bool:
    """Whether bf16 is not faster than float32 on this processor, although it may have instructions for it.

    This is so on Intel processors without AMX, which virtual machines often mask. Measured on one core of a Xeon of the
    fifth generation: matrix products at 84 GFLOP/s in bf16 and 160 in float32. In float32 the network ran up to 15 %
    faster, its training 50 % faster. False where /proc/cpuinfo cannot be read.
    """
    try:
        words = set(CPUINFO.read_text().split())
    except OSError:
        return False
    return "GenuineIntel" in words and "amx_bf16" not in words
