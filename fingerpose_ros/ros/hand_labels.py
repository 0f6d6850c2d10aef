"""Labels of hands in frame and joint names: `right`, `left`, and `right_2` for a second right hand."""

from collections.abc import Set

from fingerpose_ros.perception.hand import Hand


class HandLabels:
    """Assigns each hand a unique label, which it keeps while it is tracked."""

    def __init__(self):
        self._labels: dict[int, str] = {}  # by track id

    def assign(self, hands: list[Hand], tracked: Set[int]) -> list[str]:
        """The labels of the hands in one image, in the same order.

        A hand that is not seen keeps its label while it is `tracked`, so that no other hand takes it. A track whose
        handedness changes gets another label.
        """
        seen = {hand.track_id: hand.handedness for hand in hands}
        self._labels = {
            track: label
            for track, label in self._labels.items()
            if track in tracked and label.split("_")[0] == seen.get(track, label.split("_")[0])
        }
        for track in sorted(seen.keys() - self._labels.keys()):
            taken, number = set(self._labels.values()), 2
            label = seen[track]
            while label in taken:
                label, number = f"{seen[track]}_{number}", number + 1
            self._labels[track] = label
        return [self._labels[hand.track_id] for hand in hands]
