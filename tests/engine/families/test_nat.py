"""The non-autoregressive Transformer: nothing of the target goes in, and no order is there."""

import itertools
import math
from typing import Any

import pytest
import torch

from engine import knobs
from engine.data.pairs import MASK, PAD
from engine.families import ar_translator, nat
from engine.family import Model
from engine.layers.parallel import Masked, ParallelKnobs, blank, lengths_of
from engine.layers.teaching import LearnerKnobs
from engine.layers.translating import Pairs, as_batch
from engine.learner import Learner
from tests.engine.small import pair_data, randomise

DATA = pair_data()
NET = ParallelKnobs(layers=2, heads=2, head_width=8)


def network(model: Model = nat.MODEL, **net: Any) -> Any:
    torch.manual_seed(0)
    module: Any = model.build(knobs.changed(NET, net), DATA)
    randomise(module, scale=0.3)
    return module.eval().requires_grad_(False)


def some_pairs(count: int = 6) -> Pairs:
    return as_batch(DATA.train.sources[:count], DATA.train.targets[:count])


def drawn(train: LearnerKnobs, seed: int = 0) -> Masked:
    return nat.batch(DATA, NET, train, torch.Generator().manual_seed(seed))


# --- nothing of the target goes in


def test_the_decoder_is_given_masks_and_nothing_else() -> None:
    batch = drawn(LearnerKnobs(batch=32))
    assert ((batch.given == MASK) == (batch.targets != PAD)).all()
    assert ((batch.given == PAD) == (batch.targets == PAD)).all()


def test_each_target_is_as_likely_as_its_tokens_are_one_by_one() -> None:
    """For every order of a target's tokens: the loss is the sum over one and the same table.

    Were any token of the target seen, the table would differ from order to order.
    """
    module = network()
    row = int((DATA.train.targets != PAD).sum(1).argmax())
    source = as_batch(DATA.train.sources[row : row + 1], DATA.train.targets[row : row + 1])
    memory, lengths = module.read(source.sources)
    table = module.decoder(blank(lengths_of(source.targets)), memory)[0].log_softmax(-1)
    size = source.targets.shape[1]
    length = -float(lengths.log_softmax(1)[0, size])
    for order in itertools.islice(itertools.permutations(range(size)), 0, None, 7):
        target = source.targets[:, list(order)]
        given = module.given(target, torch.Generator())
        loss = float(module.loss(Masked(source.sources, target, given)))
        by_hand = -sum(float(table[i, token]) for i, token in enumerate(target[0])) / size
        assert math.isclose(loss, by_hand + length / 8, rel_tol=1e-5)


def test_a_leak_would_be_seen() -> None:
    """With the target in place of masks the loss is no longer a sum over one table."""
    module = network()
    pairs = some_pairs()
    memory, _ = module.read(pairs.sources)
    masked = module.decoder(module.given(pairs.targets, torch.Generator()), memory)
    leaking = module.decoder(pairs.targets, memory)
    assert (masked - leaking).abs().amax(-1)[pairs.targets != PAD].min() > 1e-3


# --- no order


def places_swapped(module: Any, order: list[int]) -> Any:
    """The logits where the places of the target change their numbers."""
    pairs = some_pairs(1)
    encoded = module.encoder(pairs.sources)
    size = len(order)
    with torch.no_grad():
        module.decoder.embed.place[:size] = module.decoder.embed.place[:size][order]
    tokens = torch.full((1, size), MASK)
    return module.decoder(tokens, module.decoder.read(encoded, pairs.sources))[0]


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 0, 2]])
def test_places_have_no_order_but_their_numbers(order: list[int]) -> None:
    """The decoder treats places as a set: give them other numbers, and what they say follows."""
    plain = places_swapped(network(decoder_input="masks"), [0, 1, 2])
    swapped = places_swapped(network(decoder_input="masks"), order)
    torch.testing.assert_close(swapped, plain[order])
    causal = places_swapped(network(ar_translator.MODEL), [0, 1, 2])
    other = places_swapped(network(ar_translator.MODEL), order)
    assert (other - causal[order]).abs().max() > 0.01, "which a causal mask does not"


@pytest.mark.parametrize("given", ["masks", "copied source"])
def test_every_place_sees_every_other(given: str) -> None:
    pairs = some_pairs(1)
    full = network(decoder_input=given).dependence(pairs.sources, pairs.targets)[""]
    assert (full > 0).all()
    triangle = network(ar_translator.MODEL).dependence(pairs.sources, pairs.targets)[""]
    seen = torch.ones_like(triangle, dtype=torch.bool).tril()
    assert ((triangle > 0) == seen).all()


# --- writing


def test_one_pass_writes_it_all() -> None:
    module = network()
    pairs = some_pairs()
    for way in (*module.ways(), *module.sweep()):
        assert [written.passes for written in way.write(pairs.sources, False)] == [1] * 6
    (written,) = module.ways()[0].write(pairs.sources[:1], True)
    (step,) = written.steps
    assert step.ids == written.ids
    assert step.fresh == tuple(range(len(written.ids)))


def test_the_sample_knob_says_how_many_lengths_are_tried() -> None:
    module = network()
    assert [way.title for way in module.ways()] == ["At once"]
    keys = [way.key for way in module.sweep()]
    assert len(set(keys)) == 4
    for candidates in (1, 2, 3):
        way = module.way(nat.SampleKnobs(candidates=candidates))
        (written,) = way.write(some_pairs(1).sources, False)
        assert len(written.others) == candidates - 1


# --- learning


@pytest.fixture
def trained() -> Learner:
    """A small one after some seconds."""
    train = knobs.changed(LearnerKnobs(), {"steps": 500, "batch": 32, "average": 0.9})
    learner = Learner(nat.MODEL, pair_data(2000), NET, train, 1)
    with learner.random:
        for _ in range(500):
            learner.advance()
    return learner


def test_it_learns_to_write_words_backwards(trained: Learner) -> None:
    module: Any = trained.averaged
    measuring = nat.evaluate(module, trained.data, NET, LearnerKnobs(), None)
    while True:
        try:
            next(measuring)
        except StopIteration as stop:
            found = stop.value
            break
    assert found["exact"] > 0.9
    assert found["held_out"] < 0.5


def test_a_teachers_targets_take_the_place_of_the_datas() -> None:
    taught = DATA.train.targets[::-1].copy()
    data = DATA.lesson({"taught": taught})
    for distil, targets in ((False, DATA.train.targets), (True, taught)):
        said = {
            DATA.sources.decode(source): DATA.targets.decode(target)
            for source, target in zip(DATA.train.sources, targets, strict=True)
        }
        train = LearnerKnobs(distil=distil)
        batch = nat.batch(data, NET, train, torch.Generator().manual_seed(0))
        for source, target in zip(batch.sources.tolist(), batch.targets.tolist(), strict=True):
            assert said[DATA.sources.decode(source)] == DATA.targets.decode(target)
