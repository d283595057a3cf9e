"""The encoder-decoder Transformer: what it learns, and the ways in which it writes."""

import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.data.pairs import END, PAD
from engine.families.ar_translator import MODEL, ARTranslator, SampleKnobs
from engine.family import TrainKnobs
from engine.layers.translating import TranslatorKnobs, Way, as_batch, begun, sources_of
from engine.layers.writing import sayable
from engine.learner import Learner
from tests.engine.small import pair_data, randomise

DATA = pair_data(60)
NET = TranslatorKnobs(layers=2, heads=2, head_width=4)
PAIRS = as_batch(DATA.held_out.sources[:6], DATA.held_out.targets[:6])
ONE = as_batch(DATA.held_out.sources[:1], DATA.held_out.targets[:1])


def translator(seed: int = 0) -> ARTranslator:
    """One whose every weight counts (a fresh one has zeros)."""
    module = ARTranslator(NET, DATA).eval()
    randomise(module, seed)
    return module.requires_grad_(False)


def ids_of(way: Way, sources: Tensor) -> list[Any]:
    return [written.ids for written in way.write(sources, False)]


def test_it_learns_to_read_and_to_write() -> None:
    data = pair_data(800)
    train = TrainKnobs(steps=600, batch=32, average=0.9)
    learner = Learner(MODEL, data, TranslatorKnobs(layers=1, heads=2, head_width=16), train, 1)
    with learner.random:
        for _ in range(600):
            learner.advance()
    measuring = MODEL.evaluate(learner.averaged, data, learner.net, train, 10_000)
    while True:
        try:
            next(measuring)
        except StopIteration as stop:
            found = stop.value
            break
    assert found["exact"] > 0.9
    assert found["held_out"] < 0.1


@torch.no_grad()
def test_what_is_written_one_by_one_is_what_one_pass_over_it_says() -> None:
    lengths = set()
    for seed, source in itertools.product(range(5), PAIRS.sources):
        module = translator(seed)
        (written,) = module.write(source[None], False)
        target = torch.tensor([written.ids], dtype=torch.int64)
        read = sayable(module.decoder(begun(target), module.memory(source[None])))[0]
        log_p, said = read.log_softmax(-1)[: written.passes].max(-1)
        assert said.tolist() == [*written.ids, END][: written.passes]
        assert written.passes == min(len(written.ids) + 1, module.longest)
        assert written.score == pytest.approx(float(log_p.sum()), abs=1e-4)
        lengths.add(len(written.ids))
    assert len(lengths) > 1


def test_without_the_cache_it_writes_the_same() -> None:
    module = translator()
    for beams in (1, 3):
        with_cache, without = (
            module.way(SampleKnobs(beams=beams, cache=cache)) for cache in (True, False)
        )
        assert ids_of(with_cache, PAIRS.sources) == ids_of(without, PAIRS.sources)
        assert with_cache.title != without.title


def test_padding_does_not_change_what_is_written() -> None:
    module = translator()
    together = ids_of(module.ways()[0], PAIRS.sources)
    assert (PAIRS.sources == PAD).any()
    assert len(set(together)) > 1
    for source, wanted in zip(PAIRS.sources, together, strict=True):
        assert ids_of(module.ways()[0], source[source != PAD][None]) == [wanted]


def test_the_ways() -> None:
    module = translator()
    (greedy,) = module.ways()
    sweep = module.sweep()
    assert [way.key for way in sweep] == ["beams-1", "beams-2", "beams-4"]
    assert greedy.key == sweep[0].key
    assert len({way.group for way in sweep}) == 1
    for beams in (1, 8):
        (written,) = module.way(SampleKnobs(beams=beams)).write(ONE.sources, False)
        assert len(written.others) < beams
    assert written.others


def test_each_pass_can_be_watched() -> None:
    module = translator()
    for way in module.sweep():
        (written,) = way.write(ONE.sources, True)
        assert len(written.steps) == written.passes
        assert written.steps[-1].ids == written.ids
        assert dataclasses.replace(written, steps=()) == way.write(ONE.sources, False)[0]


def test_the_decoder_does_not_see_what_comes_later() -> None:
    found = translator().dependence(ONE.sources, ONE.targets)[""]
    size = ONE.targets.shape[1]
    assert found.shape == (size, size)
    assert (found.tril()[torch.ones(size, size).tril().bool()] > 0).all()
    assert not found.triu(1).any()


def test_where_it_looks() -> None:
    module = translator()
    found = module.cross_attention(PAIRS.sources, PAIRS.targets)
    rows, places = PAIRS.targets.shape
    assert found.shape == (NET.layers, rows, NET.heads, places, PAIRS.sources.shape[1])
    torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]))
    assert not found.movedim(-1, 2)[:, PAIRS.sources == PAD].any()
    # Before the second token it has read the first, and nothing else.
    other = PAIRS.targets.clone()
    other[:, 1:] = DATA.targets.size - 1
    again = module.cross_attention(PAIRS.sources, other)
    torch.testing.assert_close(again[..., :2, :], found[..., :2, :])
    assert not torch.allclose(again[..., 2, :], found[..., 2, :])


def test_no_length_is_predicted() -> None:
    assert translator().length_logits(PAIRS.sources) is None


def test_a_character_that_was_never_seen_can_be_read() -> None:
    (written,) = translator().write(sources_of(DATA, ["a?!"]), False)
    assert 0 <= len(written.ids) <= DATA.longest[1]


@torch.no_grad()
@pytest.mark.parametrize("preset", MODEL.presets, ids=lambda preset: preset.key)
def test_the_presets_can_be_built(preset: Any) -> None:
    module = MODEL.build(preset.net, DATA)
    assert preset.train.seconds > 0
    assert math.isfinite(float(module(PAIRS)))
