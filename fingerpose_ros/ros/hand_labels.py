"""What each hand is called in frame and joint names: `right`, `left`, and `right_2` for a second right hand."""

from ..perception.estimator import MAX_MISSED
from ..perception.hand import Hand


class HandLabels:
    """Gives every hand in sight a label of its own, and lets it keep that label for as long as it is tracked."""

    def __init__(self):
        self._labels: dict[int, str] = {}  # by track
        self._missed: dict[int, int] = {}

    def assign(self, hands: list[Hand]) -> list[str]:
        """The labels of the hands of one image, in their order.

        A hand that goes unseen for as many images as its track outlives keeps its label, lest another take its name
        meanwhile. A track that turns out to be the other hand gets another label.
        """
        seen = {hand.track_id: hand.handedness for hand in hands}
        self._missed = {track: 0 if track in seen else self._missed.get(track, 0) + 1 for track in self._labels}
        self._labels = {
            track: label
            for track, label in self._labels.items()
            if self._missed[track] <= MAX_MISSED and label.split("_")[0] == seen.get(track, label.split("_")[0])
        }
        for track in sorted(seen.keys() - self._labels.keys()):
            taken, number = set(self._labels.values()), 2
            label = seen[track]
            while label in taken:
                label, number = f"{seen[track]}_{number}", number + 1
            self._labels[track] = label
        return [self._labels[hand.track_id] for hand in hands]
