"""MediaPipe Hands on pictures, for `peer`. Runs in an environment of its own, without this package.

    python mediapipe_hands.py PICTURES.npy

PICTURES.npy is (n, height, width, 3) uint8, red first. Each line on standard input is a number of seconds. For so long,
one hand is tracked through the pictures. Then a line of JSON is written: the `seconds` of each picture, the number of
pictures in which a hand was `tracked`, and the `cpu` seconds of the process.
"""

import json
import sys
import time

import mediapipe
import numpy as np


def main() -> None:
    pictures = np.load(sys.argv[1])
    hands = mediapipe.solutions.hands.Hands(max_num_hands=1)
    at = 0
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, tracked = [], 0
        cpu, end = time.process_time(), time.monotonic() + float(line)
        while time.monotonic() < end:
            begin = time.monotonic()
            result = hands.process(pictures[at])
            seconds.append(time.monotonic() - begin)
            tracked += bool(result.multi_hand_landmarks)
            at = (at + 1) % len(pictures)
        print(json.dumps({"seconds": seconds, "tracked": tracked, "cpu": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    main()
