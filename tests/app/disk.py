"""A disk that is full for a while."""

import errno
from pathlib import Path

import pytest

from engine.learner import Learner


class FullDisk:
    """No checkpoint can be written until it is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.over = False
        save = Learner.save

        def refusing(learner: Learner, place: Path) -> None:
            if not self.over:
                raise OSError(errno.ENOSPC, "No space left on device")
            save(learner, place)

        monkeypatch.setattr(Learner, "save", refusing)
