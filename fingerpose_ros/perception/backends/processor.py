"""What the processor is good at, where the engines do not say."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def is_slow_in_bf16() -> bool:
    """Whether the processor gains nothing by bf16, although it may have instructions for it.

    Intel's without AMX, which virtual machines often mask, do not: one core of a Xeon of the fifth generation
    multiplied matrices at 84 billion operations a second in bf16 and at 160 in float32. The network ran up to 15 %
    faster in float32, its training half as fast again. False where Linux does not tell.
    """
    try:
        words = set(CPUINFO.read_text().split())
    except OSError:
        return False
    return "GenuineIntel" in words and "amx_bf16" not in words
