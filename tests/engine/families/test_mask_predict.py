"""Mask-Predict: what is masked while it learns, and places that come to agree."""

from typing import Any

import torch

from engine import knobs
from engine.data.pairs import MASK, PAD, PairData, paired
from engine.families import mask_predict, nat
from engine.family import Model
from engine.layers.parallel import Masked, ParallelKnobs
from engine.layers.teaching import LearnerKnobs
from engine.layers.translating import as_batch
from engine.learner import Learner
from tests.engine.small import pair_data, randomise

DATA = pair_data()
NET = ParallelKnobs(layers=1, heads=2, head_width=8)


def network(data: PairData = DATA) -> Any:
    torch.manual_seed(0)
    module = mask_predict.build(NET, data)
    randomise(module, scale=0.3)
    return module.eval().requires_grad_(False)


# --- learning


def test_some_of_each_target_is_masked_and_the_rest_is_as_it_was() -> None:
    train = LearnerKnobs(batch=64)
    batch = mask_predict.batch(DATA, NET, train, torch.Generator().manual_seed(0))
    there = batch.targets != PAD
    hidden = batch.given == MASK
    assert ((batch.given == batch.targets) | hidden).all()
    assert not (hidden & ~there).any()
    shares = hidden.sum(1) / there.sum(1)
    assert shares.min() > 0
    assert shares.max() == 1, "from nothing at all it must be able to begin"
    assert 0.55 < float(shares.mean()) < 0.8  # (N + 1) / 2N for N from 3 to 5


def test_what_is_in_view_is_used_and_not_asked_for() -> None:
    module = network()
    pairs = as_batch(DATA.train.sources[:1], DATA.train.targets[:1])
    given = pairs.targets.clone()
    given[0, 0] = MASK
    other = given.clone()
    other[0, 1] = given[0, 1] - 1 if int(given[0, 1]) > 5 else given[0, 1] + 1
    (loss,) = mask_predict.step(module, Masked(*pairs, given), LearnerKnobs())
    (moved,) = mask_predict.step(module, Masked(*pairs, other), LearnerKnobs())
    assert float(loss.loss) != float(moved.loss), "the others are seen"
    changed = pairs.targets.clone()
    changed[0, 1] = other[0, 1]
    (same,) = mask_predict.step(module, Masked(pairs.sources, changed, given), LearnerKnobs())
    assert float(loss.loss) == float(same.loss), "what is in view is not to be said"


# --- writing


def test_the_knobs_say_in_how_many_rounds() -> None:
    module = network()
    sources = as_batch(DATA.held_out.sources[:1], DATA.held_out.targets[:1]).sources
    assert [way.title for way in module.ways()] == ["4 rounds"]
    assert [way.key for way in module.sweep()] == [f"rounds-{n}-1" for n in (1, 2, 3, 4, 6, 8)]
    assert {way.group for way in module.sweep()} == {"Mask-Predict"}
    for rounds in (1, 2, 3):
        way = module.way(mask_predict.SampleKnobs(rounds=rounds, candidates=2))
        (written,) = way.write(sources, True)
        assert written.passes <= rounds
        assert len(written.others) == 1
        assert way.write(sources, False)[0].ids == written.ids


def test_one_round_is_what_the_other_one_does() -> None:
    module = network()
    other = nat.build(NET, DATA)
    other.load_state_dict(module.state_dict())
    sources = as_batch(DATA.held_out.sources[:9], DATA.held_out.targets[:9]).sources
    for candidates in (1, 2):
        ours = module.way(mask_predict.SampleKnobs(rounds=1, candidates=candidates))
        theirs = other.way(nat.SampleKnobs(candidates=candidates))
        assert ours.write(sources, False) == theirs.write(sources, False)


# --- several right targets

ONE_APART = paired(
    "one-apart",
    "One apart",
    [(source, target) for source in "abcdefgh" for target in ("NNS", "NSN", "SNN")],
    [("a", "NNS")],
)
"""Three targets for each source, equally right. At every place N is the likeliest by far; so
whoever chooses for each by itself says NNN, which is never right."""
RIGHT = {"NNS", "NSN", "SNN"}


def learned(model: Model, steps: int) -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train = knobs.changed(
        model.train(), {"steps": steps, "batch": 32, "learning_rate": 0.01, "average": 0.9}
    )
    learner = Learner(model, ONE_APART, NET, train, 1)
    with learner.random:
        for _ in range(steps):
            learner.advance()
    torch.set_num_threads(threads)
    return learner.averaged


def texts(module: Any, rounds: int) -> set[str]:
    sources = as_batch(ONE_APART.train.sources[::3], ONE_APART.train.targets[::3]).sources
    return {ONE_APART.targets.decode(each.ids) for each in module.write(sources, False, rounds)}


def test_at_once_the_targets_are_mixed_and_in_rounds_they_agree() -> None:
    assert texts(learned(nat.MODEL, 100), 1) == {"NNN"}
    module = learned(mask_predict.MODEL, 600)
    assert texts(module, 1) == {"NNN"}
    assert texts(module, 3) <= RIGHT
    assert texts(module, 12) <= RIGHT
