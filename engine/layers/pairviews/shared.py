"""What the views of pairs share: which models there are, and whose runs can be compared."""

from engine.family import Trained

EVERY_MODEL = ("ar-translator", "lstm-translator", "nat", "mask-predict", "draft-and-verify")


def comparable(trained: Trained) -> tuple[Trained, ...]:
    """`trained` and those of its companions that learned from the same data."""
    own = trained.data
    others = (
        each
        for key, each in trained.companions.items()
        if key in EVERY_MODEL
        and each.data.key == own.key
        and each.data.sources == own.sources
        and each.data.targets == own.targets
    )
    return (trained, *others)
