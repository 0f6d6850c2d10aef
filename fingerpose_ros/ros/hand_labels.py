"""What each hand is called in frame and joint names: `right`, `left`, and `right_2` for a second right hand."""

from ..perception.hand import Hand


class HandLabels:
    """Gives every hand in sight a label of its own, and lets it keep that label for as long as it is seen."""

    def __init__(self):
        self._labels: dict[int, str] = {}  # by track

    def assign(self, hands: list[Hand]) -> list[str]:
        """The labels of the hands of one image, in their order. A label is free again once its hand is gone."""
        kept = {hand.track_id: self._labels.get(hand.track_id, "") for hand in hands}
        # A track that turns out to be the other hand must not stay under the wrong name.
        kept = {h.track_id: kept[h.track_id] for h in hands if kept[h.track_id].split("_")[0] == h.handedness}
        for hand in sorted(hands, key=lambda hand: hand.track_id):
            if hand.track_id not in kept:
                taken, number = set(kept.values()), 2
                label = hand.handedness
                while label in taken:
                    label, number = f"{hand.handedness}_{number}", number + 1
                kept[hand.track_id] = label
        self._labels = kept
        return [kept[hand.track_id] for hand in hands]
