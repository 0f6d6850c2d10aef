"""What the CPU can compute quickly, and which precision follows from it."""

import os
from pathlib import Path
from typing import NamedTuple

CPUINFO = Path("/proc/cpuinfo")

RESTRICTION = "ONEDNN_MAX_CPU_ISA"
"""Environment variable that restricts OpenVINO to older instructions. Its values are those of `INSTRUCTIONS`."""


class Instructions(NamedTuple):
    """A set of instructions for matrix products.

    Attributes:
        flag: its name in /proc/cpuinfo.
        limit: the value of `RESTRICTION` that allows it and the sets after it.
        name: as manufacturers write it.
        precision: in which OpenVINO runs the network where it is the newest set.
    """

    flag: str
    limit: str
    name: str
    precision: str


INSTRUCTIONS = (
    Instructions("amx_bf16", "AVX512_CORE_AMX", "AMX", "bf16"),
    Instructions("avx512_bf16", "AVX512_CORE_BF16", "AVX512-BF16", "bf16"),
    Instructions("avx512_vnni", "AVX512_CORE_VNNI", "AVX512-VNNI", "int8"),
    Instructions("avx512bw", "AVX512_CORE", "AVX-512", "int8"),
    Instructions("avx_vnni", "AVX2_VNNI", "AVX-VNNI", "int8"),
    Instructions("avx2", "AVX2", "AVX2", "int8"),
)
"""Newest first. bf16 rounds less than int8, so it is chosen where it halves the time of float32. Measured times are in
docs/performance.md."""


def is_slow_in_bf16() -> bool:
    """Whether bf16 is not faster than float32 on this processor, although it may have instructions for it.

    This is so on Intel processors without AMX, which virtual machines often mask. Measured on one core of a Xeon of the
    fifth generation: matrix products at 84 GFLOP/s in bf16 and 160 in float32. In float32 the network ran up to 15 %
    faster, its training 50 % faster. False where /proc/cpuinfo cannot be read.
    """
    words = _words()
    return "GenuineIntel" in words and "amx_bf16" not in words


def suitable_precision() -> tuple[str, str]:
    """The precision for OpenVINO that suits this processor, and the reason.

    It follows from the processor's instructions alone, so a machine always gets the same answer.
    """
    words, limits = _words(), [instructions.limit for instructions in INSTRUCTIONS]
    limit = os.environ.get(RESTRICTION, "").upper()
    allowed = INSTRUCTIONS[limits.index(limit) :] if limit in limits else INSTRUCTIONS
    restricted = f", with {RESTRICTION}={limit}" if limit in limits else ""
    for instructions in allowed:
        if instructions.flag not in words:
            continue
        if instructions.flag == "avx512_bf16" and is_slow_in_bf16():
            continue
        return instructions.precision, f"the processor has {instructions.name}{restricted}"
    return "f32", f"the processor has none of {', '.join(i.name for i in allowed)}{restricted}"


def _words() -> set[str]:
    """The words of /proc/cpuinfo; none where it cannot be read."""
    try:
        return set(CPUINFO.read_text().split())
    except OSError:
        return set()
