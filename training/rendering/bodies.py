from pathlib import Path
BANK = Path(__file__).with_name("body_bank.npz")
MILLIMETRE=1e-3
BONES = ("pelvis", "spine_low", "spine_high", "chest", "neck", "head",
  *(f"{b}_{s}" for s in "lr" for b in ("shoulder","upper_arm","upper_arm_low","forearm","hand","thigh","shin","foot")))
PARENT = (-1, 0, 1, 2, 3, 4, *(p for k in (6, 14) for p in (3, k, k + 1, k + 2, k + 3, 0, k + 5, k + 6)))
