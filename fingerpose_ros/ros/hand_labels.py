"""What each hand is called in frame and joint names: `right`, `left`, and `right_2` for a second right hand."""

from collections.abc import Set

from fingerpose_ros.perception.hand import Hand


class HandLabels:
    """Gives every hand in sight a label of its own, and lets it keep that label for as long as it is tracked."""

    def __init__(self):
        self._labels: dict[int, str] = {}  # by track

    def assign(self, hands: list[Hand], tracked: Set[int]) -> list[str]:
        """The labels of the hands of one image, in their order.

        A hand that goes unseen keeps its label while it is `tracked`, lest another take its name meanwhile. A track
        that turns out to be the other hand gets another label.
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
