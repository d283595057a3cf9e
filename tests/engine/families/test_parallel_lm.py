"""The language model that writes all at once: what sees what, and what it costs."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.text import TextData
from engine.families import parallel_lm
from engine.families.parallel_lm import (
    ALL,
    ORDERS,
    RANDOM,
    READING,
    SHARE,
    SUREST,
    LearnKnobs,
    Masked,
    NetKnobs,
    ParallelLM,
    SampleKnobs,
    after_prompt,
    blank,
    hide,
    nats,
    write,
    written,
)
from engine.family import Trained
from engine.knobs import changed
from engine.layers.paralleltext import held_out_pieces
from engine.learner import Learner
from engine.payloads import Curve, Heatmap, Tokens
from engine.phrases import PlaygroundError
from tests.engine.layers.test_paralleltext import drained
from tests.engine.small import last, randomise, sentences, some_tokens, text_data

DATA = text_data(sentences(1500))
VOCABULARY = DATA.tokeniser.size
NET = NetKnobs(layers=2, heads=2, head_width=8, places=8)


def network(vocabulary: int = VOCABULARY, net: NetKnobs = NET, scale: float = 0.4) -> ParallelLM:
    torch.manual_seed(0)
    module = ParallelLM(net, vocabulary)
    randomise(module, scale=scale)
    return module.eval().requires_grad_(False)


def trained(**net: Any) -> Trained:
    shape = changed(NET, net)
    return Trained(network(net=shape), shape, LearnKnobs(), DATA, 1, parallel_lm.MODEL)


# --- what sees what


def test_every_place_sees_every_place() -> None:
    module = network()
    tokens = some_tokens(VOCABULARY, 1, 8)
    x = module.embed(tokens).requires_grad_()
    as_given: Any = module.embed
    as_given.forward = lambda _tokens: x
    logits = module(tokens)
    for place in range(8):
        (gradient,) = torch.autograd.grad(logits[0, place].sum(), x, retain_graph=True)
        assert (gradient[0] != 0).any(-1).all()


def test_what_is_hidden_is_not_seen() -> None:
    module = network()
    tokens = some_tokens(VOCABULARY, 2, 8)
    hidden = torch.zeros(2, 8, dtype=torch.bool)
    hidden[:, [1, 4, 5]] = True
    other = tokens.clone()
    other[hidden] = (other[hidden] + 1) % VOCABULARY
    seen = [module.at(each.masked_fill(hidden, module.mask), hidden) for each in (tokens, other)]
    assert torch.equal(*seen)
    open_ = other.clone()
    open_[:, 0] = (open_[:, 0] + 1) % VOCABULARY
    assert not torch.equal(seen[0], module.at(open_.masked_fill(hidden, module.mask), hidden))


def test_at_gives_the_logits_of_the_places_alone() -> None:
    module = network()
    tokens = some_tokens(VOCABULARY + 1, 3, 8)
    where = torch.rand(3, 8) < 0.5
    torch.testing.assert_close(module.at(tokens, where), module(tokens)[where])


def test_places_are_told_apart_though_all_hold_the_mask() -> None:
    logits = network()(torch.full((1, 8), VOCABULARY))[0]
    for one, other in itertools.combinations(range(8), 2):
        assert not torch.allclose(logits[one], logits[other], atol=0.1)


# --- what it learns


def test_half_the_texts_have_no_prompt_and_the_others_one_of_any_length() -> None:
    after = after_prompt((4000, 8), torch.Generator().manual_seed(0))
    assert (after.int().diff(dim=1) >= 0).all()  # after the prompt all is asked for
    assert after[:2000].all()
    lengths = torch.bincount(8 - after[2000:].sum(1), minlength=9)
    assert lengths[8] == 0
    assert ((lengths[:8] > 250 * 0.7) & (lengths[:8] < 250 * 1.3)).all()


def test_something_is_always_hidden_and_a_prompt_never() -> None:
    random = torch.Generator().manual_seed(0)
    after = torch.arange(8) >= torch.arange(8).repeat_interleave(1000)[:, None]
    assert torch.equal(hide(after, ALL, random), after)
    hidden = hide(after, SHARE, random)
    assert hidden.any(1).all()
    assert not (hidden & ~after).any()
    for prompt in range(8):
        some = hidden[1000 * prompt :][:1000]
        counts = torch.bincount(some.sum(1), minlength=9)[1:]
        places = 8 - prompt
        assert counts[places:].sum() == 0
        # Each number is as likely, and so is each place: 4 standard deviations.
        scatter = 4 * math.sqrt(1000 / places)
        assert ((counts[:places] - 1000 / places).abs() <= scatter).all()
        share = some[:, prompt:].float().mean(0)
        assert share == pytest.approx((places + 1) / 2 / places, abs=4 * 0.5 / math.sqrt(1000))


def test_the_loss_is_the_mean_over_the_hidden_tokens_of_each_text() -> None:
    module = network()
    tokens = some_tokens(VOCABULARY, 3, 8)
    hidden = torch.tensor([[1, 0, 0, 0, 0, 0, 0, 0], [1] * 8, [0, 1, 1, 0, 0, 0, 0, 1]]).bool()
    table = module(tokens.masked_fill(hidden, module.mask)).double().log_softmax(-1)
    for row, loss in enumerate(nats(module, Masked(tokens, hidden))):
        places = hidden[row].nonzero().flatten().tolist()
        by_hand = [-float(table[row, place, tokens[row, place]]) for place in places]
        assert float(loss) == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_the_mean_over_how_many_are_hidden_is_that_over_all_orders() -> None:
    """Of three places and two tokens: all 6 orders and all 7 sets of hidden places."""
    module = network(2, changed(NET, {"places": 8}))
    text = torch.tensor([[1, 0, 1]])

    def log_p(hidden: tuple[int, ...], place: int) -> float:
        seen = text.clone()
        seen[0, list(hidden)] = module.mask
        return float(module(seen)[0, place].double().log_softmax(-1)[text[0, place]])

    in_order = []
    for order in itertools.permutations(range(3)):
        in_order.append(-sum(log_p(order[n:], order[n]) for n in range(3)) / 3)
    by_count = []
    for count in (1, 2, 3):
        every = list(itertools.combinations(range(3), count))
        losses = []
        for hidden in every:
            mask = torch.zeros(1, 3, dtype=torch.bool)
            mask[0, list(hidden)] = True
            losses.append(float(nats(module, Masked(text, mask))))
        by_count.append(np.mean(losses))
    assert np.mean(in_order) == pytest.approx(np.mean(by_count), rel=1e-5)


def test_all_at_once_is_a_product_of_marginals() -> None:
    """The probabilities of all 16 texts of four places add up to 1."""
    module = network(2, changed(NET, {"places": 8}))
    total = 0.0
    for text in itertools.product(range(2), repeat=4):
        hidden = torch.ones(1, 4, dtype=torch.bool)
        total += math.exp(-4 * float(nats(module, Masked(torch.tensor([text]), hidden))))
    assert total == pytest.approx(1.0, rel=1e-5)


def test_all_at_once_is_measured_from_the_prompt_on_whatever_is_learned() -> None:
    """From the first 8 pieces: the prompts by the same draws, and the marginals one by one."""
    model = trained()
    found = [
        drained(parallel_lm.evaluate(model.module, DATA, NET, LearnKnobs(masking=masking), 64))
        for masking in (SHARE, ALL)
    ]
    assert found[0]["at_once"] == found[1]["at_once"] == found[1]["held_out"]
    assert found[0]["held_out"] != found[0]["at_once"]
    after = after_prompt((8, 8), torch.Generator().manual_seed(0))
    losses = []
    for piece, asked in zip(held_out_pieces(DATA, 8, 8), after, strict=True):
        seen = torch.from_numpy(piece).masked_fill(asked, model.module.mask)
        table = model.module(seen[None])[0].double().log_softmax(-1)
        losses.append(np.mean([-float(table[place, piece[place]]) for place in asked.nonzero()]))
    assert found[0]["at_once"] == pytest.approx(np.mean(losses), rel=1e-5)


# --- writing


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 8, 100])
def test_so_many_are_left_after_each_round(order: str, rounds: int) -> None:
    module = network()
    given = blank(module, 8, [3], 4)
    found = list(write(module, given, SampleKnobs(rounds=rounds, order=order), [1, 2, 3, 4]))
    count = min(rounds, 7)
    assert len(found) == count
    before = given
    for number, each in enumerate(found, start=1):
        left = (each.tokens == module.mask).sum(1)
        assert (left == 7 * (count - number) // count).all()
        assert (each.where == (before == module.mask)).all()
        assert (each.fresh == (before != each.tokens)).all()
        kept = ~each.where
        assert (each.tokens[kept] == before[kept]).all()
        before = each.tokens
    assert (before[:, 0] == 3).all()


def test_left_to_right_goes_from_left_to_right_and_the_surest_come_first() -> None:
    module = network()
    given = blank(module, 8, [], 1)
    for number, each in enumerate(write(module, given, SampleKnobs(rounds=8, order=READING), [5])):
        assert np.flatnonzero(each.fresh[0]).tolist() == [number]
    knobs = SampleKnobs(rounds=8, order=SUREST, temperature=0.0)
    for each in write(module, given, knobs, [5]):
        chances = torch.from_numpy(np.empty(0))
        with torch.no_grad():
            seen = np.where(each.where, module.mask, each.tokens)
            chances = module(torch.from_numpy(seen))[0].softmax(-1).amax(-1)
        open_ = np.flatnonzero(each.where[0])
        (fresh,) = np.flatnonzero(each.fresh[0])
        assert float(chances[fresh]) == pytest.approx(float(chances[open_].max()), rel=1e-5)


def test_one_round_is_what_each_place_would_say_by_itself() -> None:
    module = network()
    given = blank(module, 8, [], 1)
    (found,) = write(module, given, SampleKnobs(temperature=0.0), [1])
    assert found.tokens[0].tolist() == module(torch.from_numpy(given))[0].argmax(-1).tolist()


def test_without_a_temperature_the_seed_chooses_only_the_order() -> None:
    module = network()
    given = blank(module, 8, [], 3)
    for order, rounds in ((RANDOM, 1), (SUREST, 3), (READING, 8)):
        knobs = SampleKnobs(temperature=0.0, order=order, rounds=rounds)
        *_, found = write(module, given, knobs, [1, 2, 3])
        assert (found.tokens == found.tokens[0]).all()


@pytest.mark.parametrize("order", ORDERS)
def test_texts_written_together_are_those_written_alone(order: str) -> None:
    module = network()
    given = blank(module, 8, [3], 7)
    knobs = SampleKnobs(temperature=1.0, rounds=3, order=order)
    seeds = range(20, 27)
    texts = drained(written(module, given, knobs, seeds))
    for row, seed in enumerate(seeds):
        *_, alone = write(module, given[:1], knobs, [seed])
        assert texts[row].tolist() == alone.tokens[0].tolist()
    assert (given[:, 1:] == module.mask).all()


def test_places_draw_as_often_as_their_marginals_say() -> None:
    """Monte Carlo over 4,000 seeds against the softmax, in one round."""
    module = network(3)
    given = blank(module, 8, [], 4000)
    (found,) = write(module, given, SampleKnobs(temperature=1.0), range(4000))
    chances = module(torch.from_numpy(given[:1]))[0].softmax(-1).numpy()
    for place in range(8):
        shares = np.bincount(found.tokens[:, place], minlength=3) / 4000
        assert shares == pytest.approx(chances[place], abs=0.035)


def test_the_same_seed_gives_the_same_text_and_another_another() -> None:
    one, again, other = (
        last(parallel_lm.sampler(trained(), SampleKnobs(seed=seed, temperature=1.0), ())).ids
        for seed in (4, 4, 5)
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_sample_fills_its_places_and_says_what_is_wrong(rounds: int) -> None:
    drawn: list[Any] = [
        each
        for each in parallel_lm.sampler(
            trained(), SampleKnobs(prompt="ada", rounds=rounds, temperature=1.0), ()
        )
        if each is not None
    ]
    assert len(drawn) == rounds + 1
    for each in drawn:
        assert isinstance(each, Tokens)
        assert each.kept == 3
        assert "".join(each.pieces[:3]) == "ada"
        for place, alternatives in enumerate(each.alternatives):
            assert bool(alternatives) == (place >= 3)
            chances = {one.id: one.probability for one in alternatives}
            assert sorted(chances.values(), reverse=True)[:10] == list(chances.values())[:10]
            if each.pieces[place] == parallel_lm.GAP:
                assert each.probabilities[place] == 0.0
            elif place >= 3:
                assert chances[each.ids[place]] == each.probabilities[place]
    assert parallel_lm.GAP not in drawn[-1].text
    assert "16 texts" in drawn[-1].caption
    assert "repeat the one before" in drawn[-1].caption


def test_what_is_kept_stays_and_a_full_page_is_said_to_be_full() -> None:
    keep = tuple(int(each) for each in DATA.tokeniser.encode("bob ad"))
    assert last(parallel_lm.sampler(trained(), SampleKnobs(), keep)).ids[:6] == keep
    full = last(parallel_lm.sampler(trained(), SampleKnobs(prompt="ada bob cid"), ()))
    assert full.text == "ada bob "
    assert "All 8 places are given" in full.caption


def test_what_an_earlier_sample_knew_of_what_is_kept_stays_known() -> None:
    model = trained()
    knobs = SampleKnobs(temperature=1.0)
    first = last(parallel_lm.sampler(model, knobs, ()))
    other = next(each.id for each in first.alternatives[4] if each.id != first.ids[4])
    keep = (*first.ids[:4], other)
    second = last(parallel_lm.sampler(replace(model, sample=first), knobs, keep))
    assert second.ids[:5] == keep
    assert second.kept == 5
    assert second.probabilities[:4] == first.probabilities[:4]
    assert second.alternatives[:4] == first.alternatives[:4]
    assert math.isnan(second.probabilities[4])
    assert second.alternatives[4] == ()


def test_of_a_text_that_was_stopped_the_open_places_are_written() -> None:
    model = trained()
    knobs = SampleKnobs(temperature=1.0, rounds=4)
    drawing = parallel_lm.sampler(model, knobs, ())
    stopped = next(drawing)
    drawing.close()
    assert isinstance(stopped, Tokens)
    assert stopped.pieces.count(parallel_lm.GAP) == 6
    second = last(parallel_lm.sampler(replace(model, sample=stopped), knobs, stopped.ids[:7]))
    assert model.module.mask not in second.ids
    for place, token in enumerate(stopped.ids[:7]):
        if token != model.module.mask:
            assert second.ids[place] == token
            assert second.alternatives[place] == stopped.alternatives[place]
    assert all(second.alternatives)


# --- views


def draw(view: str, **values: Any) -> Any:
    found = {each.key: each for each in parallel_lm.VIEWS}[view]
    return last(found.make(trained(), changed(found.knobs(), values)))


def test_each_column_is_the_distribution_of_its_place() -> None:
    drawn = draw("dependence", prompt="ad")
    assert isinstance(drawn, Heatmap)
    assert drawn.values.shape == (6, 6)
    assert drawn.column_numbers == tuple(range(3, 9))
    module = network()
    begin = [int(each) for each in DATA.tokeniser.encode("ad")]
    chances = module(torch.from_numpy(blank(module, 8, begin, 1)))[0, 2:].softmax(-1)
    best = chances.sort(dim=1, descending=True, stable=True).values[:, :6].T
    np.testing.assert_allclose(drawn.values, best.numpy(), rtol=1e-5)
    assert "nats per token all at once" in drawn.caption


def test_the_cost_of_independence_is_measured() -> None:
    """At once: the product of marginals of the same pieces, computed one by one."""
    model = trained()
    said = drained(parallel_lm.what_independence_costs(model))
    table = model.module(torch.full((1, 8), model.module.mask))[0].log_softmax(-1)
    found = [
        -float(table[place, token])
        for piece in held_out_pieces(DATA, 8, parallel_lm.PIECES).tolist()
        for place, token in enumerate(piece)
    ]
    assert said.values["at_once"] == pytest.approx(np.mean(found), rel=1e-4)
    assert said.values["rest"] == pytest.approx(said.values["at_once"] - said.values["in_turn"])


def test_faults_are_drawn_for_1_2_4_rounds_and_held_out_text_lies_level() -> None:
    drawn = draw("rounds", rounds=100, count=4)
    assert isinstance(drawn, Curve)
    assert [line.x.tolist() for line in drawn.lines[:3]] == [[1, 2, 4, 8]] * 3
    assert [len(set(line.y.tolist())) for line in drawn.lines[3:]] == [1, 1, 1]
    assert all(0 <= line.y.min() <= line.y.max() <= 100 for line in drawn.lines)


def test_without_the_text_it_learned_from_only_repetition_is_drawn() -> None:
    stub = TextData.from_json(DATA.to_json())
    model = replace(trained(), data=stub)
    drawn = last(parallel_lm.rounds_view(model, parallel_lm.RoundsKnobs(rounds=4, count=4)))
    (line,) = drawn.lines
    assert line.x.tolist() == [1, 2, 4]
    assert "not here" in drawn.caption
    assert "nats" not in last(parallel_lm.dependence_view(model, parallel_lm.BeginKnobs())).caption


def test_round_by_round_places_are_settled() -> None:
    drawn = draw("unmasking", rounds=4, prompt="ada ")
    assert drawn.values.shape == (4, 8)
    assert drawn.marked.sum(1).tolist() == [1, 1, 1, 1]
    assert np.isfinite(drawn.values).sum(1).tolist() == [5, 6, 7, 8]
    assert [sum(map(bool, row)) for row in drawn.texts] == [5, 6, 7, 8]
    with pytest.raises(PlaygroundError, match="8 places"):
        draw("unmasking", prompt="ada bob cid")


def test_an_odd_head_and_a_text_that_is_too_short_are_refused() -> None:
    with pytest.raises(PlaygroundError, match="even width"):
        parallel_lm.check(DATA, changed(NET, {"head_width": 5}))
    with pytest.raises(PlaygroundError, match="too short"):
        parallel_lm.check(text_data("ada bob\n" * 3), NET)


def test_one_after_the_other_beats_all_at_once_where_places_depend_on_each_other() -> None:
    """Two texts that are each other's opposite: alone each place can only guess."""
    data = text_data("aaaaaaaabbbbbbbb" * 200)
    net = NetKnobs(layers=1, heads=2, head_width=8, places=8)
    train = LearnKnobs(steps=0, batch=16, learning_rate=0.01, warm_up=0, average=0.5)
    learner = Learner(parallel_lm.MODEL, data, net, train, 1)
    with learner.random:
        for _ in range(150):
            learner.advance()
    module: Any = learner.averaged
    found = drained(parallel_lm.evaluate(module, data, net, train, None))
    assert found["held_out"] < 0.85 * found["at_once"]
