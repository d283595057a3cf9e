"""Drafts that are verified are the causal decoder's own output, whoever drafted."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.pairs import BEGIN, END, MASK, PAD, SPECIAL, UNKNOWN, PairData, paired
from engine.families import draft_and_verify
from engine.families.draft_and_verify import MODEL, DraftAndVerify, SampleKnobs
from engine.knobs import changed
from engine.layers.parallel import Filled, ParallelKnobs, blank, fill, lengths_of
from engine.layers.translating import Pairs, Written, as_batch, begun, sources_of
from engine.payloads import Curve
from tests.engine.small import last, pair_data, randomise

DATA = pair_data()
NET = ParallelKnobs(layers=1, heads=2, head_width=8)
SOURCES = list(DATA.references)


LONGEST = 21


def long_data() -> PairData:
    """Letters of one side and of the other, up to `LONGEST` of them."""
    random = np.random.default_rng(5)

    def word(letters: str, size: int) -> str:
        return "".join(random.choice(list(letters), size))

    pairs = [(word("abcdef", 1 + n % 13), word("UVWXYZ", 1 + n % LONGEST)) for n in range(63)]
    return paired("long", "Long", pairs[:42], pairs[42:])


LONG = long_data()


def network(
    seed: int = 0, scale: float = 0.4, data: PairData = DATA, net: ParallelKnobs = NET
) -> DraftAndVerify:
    torch.manual_seed(seed)
    module = DraftAndVerify(net, data)
    randomise(module, seed, scale)
    return module.eval().requires_grad_(False)


def rows(sources: list[str], data: PairData = DATA) -> Tensor:
    return sources_of(data, sources)


def more_often(module: DraftAndVerify, token: int, logit: float) -> None:
    """The causal decoder says `token` more often, by so much."""
    head: Any = module.causal.head
    own = head.forward
    more = logit * torch.nn.functional.one_hot(torch.tensor(token), head.out_features)
    head.forward = lambda x: own(x) + more


def texts(written: list[Written]) -> list[tuple[int, ...]]:
    return [each.ids for each in written]


# --- the same text, always


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [0.1, 0.4, 1.0])
def test_random_models_write_the_same_text_in_both_ways(seed: int, scale: float) -> None:
    module = network(seed, scale)
    for source in SOURCES[:6]:
        one, other = (way(rows([source]), False)[0] for way in (module.one_by_one, module.verified))
        assert other.ids == one.ids, source
        assert other.score == pytest.approx(one.score, rel=1e-4, abs=1e-4)
        # In the worst case each check, and each draft, brings no more than one token.
        assert other.passes <= 2 * one.passes


@pytest.mark.parametrize("seed", range(4))
def test_in_a_batch_each_is_as_by_itself(seed: int) -> None:
    module = network(seed)
    together = module.verified(rows(SOURCES[:9]), False)
    alone = [module.verified(rows([source]), False)[0] for source in SOURCES[:9]]
    assert texts(together) == texts(alone)
    assert [each.passes for each in together] == [each.passes for each in alone]
    assert texts(together) == texts(module.one_by_one(rows(SOURCES[:9]), False))


@pytest.mark.parametrize("seed", range(4))
def test_whoever_watches_sees_the_same_and_every_pass(seed: int) -> None:
    module = network(seed)
    for source in SOURCES[:5]:
        (unseen,), (seen,) = (module.verified(rows([source]), watch) for watch in (False, True))
        assert (seen.ids, seen.passes) == (unseen.ids, unseen.passes)
        assert len(seen.steps) == seen.passes
        assert seen.steps[-1].ids == seen.ids
        seconds = [step.seconds for step in seen.steps]
        assert seconds == sorted(seconds)


# How readily the causal decoder ends, so that there are short targets and long ones.
endings = pytest.mark.parametrize("end", [-50.0, -1.0, 0.0, 1.0, 50.0])
NETS = (
    NET,
    ParallelKnobs(layers=2, heads=1, head_width=8, decoder_input="masks"),
)


@endings
@pytest.mark.parametrize("net", NETS, ids=["copied", "masks"])
@pytest.mark.parametrize("seed", range(3))
def test_long_texts_are_the_same_too(seed: int, net: ParallelKnobs, end: float) -> None:
    module = network(seed, 0.3, LONG, net)
    more_often(module, END, end)
    sources = list(LONG.references)[:8]
    plain = module.one_by_one(rows(sources, LONG), False)
    together = module.verified(rows(sources, LONG), False)
    assert texts(together) == texts(plain)
    for source, one, both in zip(sources, plain, together, strict=True):
        (alone,) = module.verified(rows([source], LONG), False)
        assert (alone.ids, alone.passes) == (both.ids, both.passes)
        assert alone.passes <= 2 * one.passes
    sizes = {len(each.ids) for each in plain}
    assert sizes == ({0} if end > 9 else {LONGEST} if end < -9 else sizes)


@torch.no_grad()
def by_the_rule(module: DraftAndVerify, source: Tensor) -> tuple[tuple[int, ...], int, list[int]]:
    """The causal decoder's own text, and how many passes and tokens a check the rule makes of it.

    Each token is computed from all before it, without a cache; a check is a comparison of texts.
    """
    encoded = module.encoder(source)
    causal, parallel = module.causal.read(encoded, source), module.parallel.read(encoded, source)
    said: list[int] = []
    while len(said) < module.longest and END not in said:
        logits = module.causal(begun(torch.tensor([said], dtype=torch.long)), causal)[0, -1]
        logits[[PAD, BEGIN, MASK, UNKNOWN]] = -torch.inf
        said.append(int(logits.argmax()))
    lengths, grew = module.length(encoded, source)[0], list[int]()
    done = passes = 0
    while done < len(said):
        size = max(1, done + int(lengths[done:].argmax()))
        drafted = said[:done]
        if size > done:
            passes += 1
            given = torch.tensor([said[:done] + [MASK] * (size - done)])
            best = module.parallel(given, parallel)[0, :, SPECIAL:].argmax(-1) + SPECIAL
            drafted = said[:done] + best[done:].tolist()
        passes += 1
        before = done
        while done < size and drafted[done] == said[done]:
            done += 1
        if done < len(said):
            done += 1  # its own token
        grew.append(done - before)
    return tuple(each for each in said if each != END), passes, grew


@endings
@pytest.mark.parametrize("seed", range(4))
def test_passes_are_those_of_the_rule_and_those_that_decoders_make(seed: int, end: float) -> None:
    module = network(seed, 0.3, LONG)
    more_often(module, END, end)
    calls = {"causal": 0, "parallel": 0}

    def counts(name: str) -> Any:
        def hook(*_: Any) -> None:
            calls[name] += 1

        return hook

    for source in list(LONG.references)[:5]:
        ids, passes, grew = by_the_rule(module, rows([source], LONG))
        calls.update(causal=0, parallel=0)
        hooks = [
            decoder.register_forward_hook(counts(name))
            for name, decoder in (("causal", module.causal), ("parallel", module.parallel))
        ]
        (written,) = module.verified(rows([source], LONG), False)
        for hook in hooks:
            hook.remove()
        assert (written.ids, written.passes) == (ids, passes)
        assert written.passes == sum(calls.values())
        assert calls["parallel"] <= calls["causal"] == len(grew)
        assert all(tokens >= 1 for tokens in grew)


@endings
def test_each_check_keeps_what_agrees_and_adds_a_token(end: float) -> None:
    module = network(1, 0.3, LONG)
    more_often(module, END, end)
    for source in list(LONG.references)[:5]:
        ids, _, grew = by_the_rule(module, rows([source], LONG))
        (written,) = module.verified(rows([source], LONG), True)
        checks = [step for step in written.steps if str(step.note) != "draft"]
        stood = [tuple(each for each in step.ids if each != MASK) for step in checks]
        assert [len(each) for each in stood] == [
            min(sum(grew[: n + 1]), len(ids)) for n in range(len(grew))
        ]
        assert all(each == ids[: len(each)] for each in stood)
        before = 0
        for step, kept in zip(checks, stood, strict=True):
            accepted, drafted = map(int, re.findall(r"\d+", str(step.note)))
            assert 0 <= accepted <= drafted
            assert len(kept) - before in (accepted, accepted + 1)
            before = len(kept)


# --- drafts that are known


class Drafts:
    """Fills the open places of the one row with what somebody else says."""

    def __init__(self, token_at: Any) -> None:
        self.token_at = token_at
        self.asked = 0

    def __call__(self, _decoder: Any, _memory: Any, given: Tensor, rounds: int) -> Filled:
        assert rounds == 1
        self.asked += 1
        tokens = given.clone()
        for place in (given[0] == MASK).nonzero().flatten().tolist():
            tokens[0, place] = self.token_at(place)
        return Filled(tokens, torch.zeros(given.shape), torch.ones(1, dtype=torch.long))


def with_length(module: DraftAndVerify, length: int) -> None:
    """The head says that every target has so many tokens."""
    logits = torch.zeros(module.longest + 1)
    logits[length] = 9.0
    with_lengths(module, logits)


def with_lengths(module: DraftAndVerify, logits: Tensor) -> None:
    """The head says this of every target."""
    head: Any = module.length
    head.forward = lambda _encoded, sources: logits.expand(len(sources), -1)


def some_output(module: DraftAndVerify, least: int) -> tuple[Tensor, tuple[int, ...]]:
    """A source whose greedy target has at least so many tokens, and the target."""
    for source in SOURCES:
        (written,) = module.one_by_one(rows([source]), False)
        if len(written.ids) >= least:
            return rows([source]), written.ids
    raise AssertionError("no source has a long target: choose another seed")


def test_a_perfect_draft_takes_two_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = network(3)
    source, ids = some_output(module, 3)
    monkeypatch.setattr(draft_and_verify, "fill", Drafts(lambda place: ids[place]))
    with_length(module, len(ids))
    (written,) = module.verified(source, False)
    assert (written.ids, written.passes) == (ids, 2)


@endings
@pytest.mark.parametrize("seed", range(3))
def test_an_oracle_takes_two_passes_whatever_the_length(
    seed: int, end: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = network(seed, 0.3, LONG)
    more_often(module, END, end)
    for source in list(LONG.references)[:4]:
        ids, _, _ = by_the_rule(module, rows([source], LONG))
        # Nothing is no length that can be drafted; what is too long is cut where the text ends.
        for length in {max(1, len(ids)), LONGEST}:
            oracle = Drafts(lambda place, ids=ids: [*ids, *[SPECIAL] * LONGEST][place])
            monkeypatch.setattr(draft_and_verify, "fill", oracle)
            with_length(module, length)
            (written,) = module.verified(rows([source], LONG), False)
            assert (written.ids, written.passes, oracle.asked) == (ids, 2, 1)


def test_of_a_draft_that_is_right_up_to_a_place_that_much_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = network(3)
    source, ids = some_output(module, 4)
    for right in range(len(ids)):

        def token(place: int, right: int = right) -> int:
            return ids[place] if place < right else (ids[place] - SPECIAL + 1) % 6 + SPECIAL

        monkeypatch.setattr(draft_and_verify, "fill", Drafts(token))
        with_length(module, len(ids))
        (written,) = module.verified(source, True)
        assert written.ids == ids
        # What agrees, and the causal decoder's own token behind it.
        kept = [each for each in written.steps[1].ids if each != MASK]
        assert tuple(kept) == ids[: right + 1]
        assert f"{right} of {len(ids)} accepted" == str(written.steps[1].note)


def test_the_worst_draft_costs_no_more_than_two_passes_for_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = network(3)
    source, ids = some_output(module, 3)
    (plain,) = module.one_by_one(source, False)
    wrong = Drafts(
        lambda place: (ids[place] - SPECIAL + 1) % 6 + SPECIAL if place < len(ids) else SPECIAL
    )
    monkeypatch.setattr(draft_and_verify, "fill", wrong)
    with_length(module, module.longest)
    (written,) = module.verified(source, False)
    assert written.ids == plain.ids
    # One by one takes a pass for each token, the end among them (but for the longest, which
    # needs none). Each check brings one of these at least, and before it there is one draft at
    # most: so never more than twice as many, and just that many where nothing is ever right.
    assert wrong.asked == plain.passes
    assert written.passes == 2 * plain.passes


@endings
def test_the_worst_drafts_of_long_texts_cost_twice_the_passes(
    end: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = network(2, 0.3, LONG)
    more_often(module, END, end)
    for source in list(LONG.references)[:4]:
        (plain,) = module.one_by_one(rows([source], LONG), False)
        said = [*plain.ids, *[SPECIAL] * LONGEST]
        worst = Drafts(lambda place, said=said: (said[place] - SPECIAL + 1) % 6 + SPECIAL)
        monkeypatch.setattr(draft_and_verify, "fill", worst)
        with_length(module, LONGEST)
        (written,) = module.verified(rows([source], LONG), False)
        assert (written.ids, written.passes) == (plain.ids, 2 * plain.passes)


@pytest.mark.parametrize("length", [0, 1, 2, DATA.longest[1]])
@pytest.mark.parametrize("seed", range(3))
def test_an_absurd_length_changes_no_text(length: int, seed: int) -> None:
    module = network(seed)
    plain = texts([module.one_by_one(rows([each]), False)[0] for each in SOURCES[:4]])
    with_length(module, length)
    assert texts([module.verified(rows([each]), False)[0] for each in SOURCES[:4]]) == plain


@pytest.mark.parametrize(
    "lengths",
    [
        torch.full((LONGEST + 1,), torch.nan),
        torch.zeros(LONGEST + 1),
        torch.full((LONGEST + 1,), torch.inf),
        torch.linspace(9.0, -9.0, LONGEST + 1),
        torch.tensor([0.0, torch.nan] * 11),
    ],
    ids=["none is a number", "all alike", "infinite", "short", "half"],
)
def test_lengths_that_make_no_sense_change_no_text(lengths: Tensor) -> None:
    module = network(1, 0.3, LONG)
    sources = list(LONG.references)[:6]
    plain = texts(module.one_by_one(rows(sources, LONG), False))
    with_lengths(module, lengths)
    assert texts(module.verified(rows(sources, LONG), False)) == plain
    assert texts([module.verified(rows([each], LONG), False)[0] for each in sources]) == plain


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e3])
def test_a_parallel_decoder_that_makes_no_sense_changes_no_text(scale: float) -> None:
    module = network(1, 0.3, LONG)
    sources = list(LONG.references)[:6]
    plain = texts(module.one_by_one(rows(sources, LONG), False))
    module.parallel.head.weight *= scale
    assert texts(module.verified(rows(sources, LONG), False)) == plain


def test_an_empty_target_and_one_that_never_ends() -> None:
    for token, length in ((END, 0), (SPECIAL, DATA.longest[1])):
        module = network()
        more_often(module, token, 1e4)
        one, other = (
            way(rows(SOURCES[:1]), False)[0] for way in (module.one_by_one, module.verified)
        )
        assert other.ids == one.ids == (SPECIAL,) * length


# --- what sees what


def test_one_decoder_is_causal_and_the_other_is_not() -> None:
    module = network()
    pairs = as_batch(DATA.train.sources[:1], DATA.train.targets[:1])
    found = module.dependence(pairs.sources, pairs.targets)
    causal, parallel = found.values()
    assert (causal.triu(1) == 0).all()
    assert (causal[tuple(torch.tril_indices(*causal.shape))] > 0).all()
    assert (parallel > 0).all()
    seen = module.read(pairs.sources)
    assert module.causal(begun(pairs.targets), seen.causal).shape[1] == pairs.targets.shape[1] + 1


def test_its_rounds_are_those_of_mask_predict() -> None:
    module = network()
    source = rows(SOURCES[:1])
    seen = module.read(source)
    length = seen.lengths.argmax(1)
    by_hand = fill(module.parallel, seen.parallel, blank(length), 3).tokens[0].tolist()
    (written,) = module.in_rounds(source, False, 3, 1)
    assert list(written.ids) == by_hand


def test_both_decoders_are_learned_from_one_batch() -> None:
    module = DraftAndVerify(NET, DATA)
    random = torch.Generator().manual_seed(0)
    batch = MODEL.batch(DATA, NET, changed(MODEL.train(), {"batch": 8}), random)
    causal, parallel = module.losses(batch)
    (causal + parallel).backward()  # type: ignore[no-untyped-call]
    heads = (module.causal.head, module.parallel.head, module.length.out)
    assert all(head.weight.grad is not None and head.weight.grad.any() for head in heads)
    assert (lengths_of(batch.targets) >= (batch.given == MASK).sum(1)).all()
    assert ((batch.given == PAD) == (batch.targets == PAD)).all()


def test_its_loss_is_the_sum_of_both_and_measured_alike_each_time() -> None:
    module = network()
    pairs: Pairs = as_batch(DATA.train.sources[:5], DATA.train.targets[:5])
    assert float(module(pairs)) == float(module(pairs))


# --- knobs, and its view


@pytest.mark.parametrize("decoding", draft_and_verify.WAYS)
def test_each_way_is_what_its_name_says(decoding: str) -> None:
    module = network()
    way = module.way(SampleKnobs(decoding=decoding, rounds=2))
    source = rows(SOURCES[:1])
    wanted = {
        "draft and verify": module.verified(source, False),
        "one by one": module.one_by_one(source, False),
        "at once": module.in_rounds(source, False, 1, 1),
        "in rounds": module.in_rounds(source, False, 2, 1),
    }[str(decoding)]
    assert texts(way.write(source, False)) == texts(wanted)


def test_the_view_counts_the_passes_of_both_ways() -> None:
    from engine.family import Trained

    module = network()
    trained = Trained(module, NET, MODEL.train(), DATA, 1, MODEL)
    drawn = last(draft_and_verify.verification(trained, draft_and_verify.VerificationKnobs(8)))
    assert isinstance(drawn, Curve)
    alone, both = drawn.lines
    first = as_batch(DATA.held_out.sources[:8], DATA.held_out.targets[:8]).sources
    plain = [module.one_by_one(first[n : n + 1], False)[0] for n in range(8)]
    assert sorted(alone.y.tolist()) == sorted(each.passes for each in plain)
    assert "The same text in 8 of 8" in drawn.caption
    assert both.y.shape == (8,)
