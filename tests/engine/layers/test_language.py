"""What language models share, against formulas written out in numpy."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.family import TrainKnobs
from engine.layers import language
from engine.layers.language import NGramEmbedding, TextSampleKnobs
from engine.payloads import Alternative, Tokens
from engine.phrases import PlaygroundError
from tests.engine.small import Letters, formula, last, sentences, some_tokens, text_data


def log_softmax(logits: Any) -> Any:
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


class SameLogits(nn.Module):
    """Says the same of every place, whatever it reads."""

    def __init__(self, logits: Any) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))
        self.windows: list[list[int]] = []

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        self.windows += tokens.tolist()
        return self.logits.expand(*tokens.shape, -1)


# --- embedding


@pytest.mark.parametrize(("slots", "reach"), [(0, 1), (97, 3), (4096, 3)])
def test_an_embedding_depends_on_its_token_and_the_two_before(slots: int, reach: int) -> None:
    torch.manual_seed(0)
    embed = NGramEmbedding(20, 8, slots)
    tokens = some_tokens(20, 1, 12)
    before = embed(tokens)
    for place in range(12):
        other = tokens.clone()
        other[0, place] = (other[0, place] + 7) % 20
        moved = (embed(other) != before).any(-1)[0].nonzero().flatten().tolist()
        assert moved == list(range(place, min(place + reach, 12)))


def test_the_gradient_of_one_place_stays_in_its_own_three_rows() -> None:
    torch.manual_seed(0)
    embed = NGramEmbedding(20, 8, 512)
    tokens = some_tokens(20, 1, 12)
    embed(tokens)[0, 6].sum().backward()
    x, y, z = (int(each) for each in (tokens[0, 6], tokens[0, 5], tokens[0, 4]))
    touched = {}
    for name in ("one", "two", "three"):
        weight = getattr(embed, name).weight
        touched[name] = weight.grad.abs().sum(1).nonzero().flatten().tolist()
    pair = x * 7919 + y * 104729
    assert touched == {"one": [x], "two": [pair % 512], "three": [(pair + z * 1299709) % 512]}


@pytest.mark.parametrize("slots", [1, 97, 65_536])
def test_the_embedding_is_the_sum_of_three_rows(slots: int) -> None:
    torch.manual_seed(0)
    embed = NGramEmbedding(300, 4, slots)
    tokens = some_tokens(300, 2, 10)
    got = embed(tokens).detach().numpy()
    one, two, three = (
        getattr(embed, name).weight.detach().numpy() for name in ("one", "two", "three")
    )
    for row in range(2):
        ids = [0, 0, *tokens[row].tolist()]  # before the text there is token 0
        for place in range(10):
            z, y, x = ids[place : place + 3]
            wanted = (
                one[x]
                + two[(x * 7919 + y * 104729) % slots]
                + three[(x * 7919 + y * 104729 + z * 1299709) % slots]
            )
            np.testing.assert_allclose(got[row, place], wanted, rtol=1e-5, atol=1e-6)


# --- training


def test_the_loss_is_the_cross_entropy_of_the_next_tokens() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=7) * 2
    batch = torch.from_numpy(random.integers(7, size=(3, 6)))
    module = SameLogits(logits)
    (descent,) = language.step(module, batch, TrainKnobs())
    targets = batch.numpy()[:, 1:].ravel()
    assert descent.loss.item() == pytest.approx(-log_softmax(logits)[targets].mean(), rel=1e-5)
    assert module.windows == batch[:, :-1].tolist()
    # d loss / d logits = p - the share of each token among the targets
    (gradient,) = torch.autograd.grad(descent.loss, module.logits)
    share = np.bincount(targets, minlength=7) / len(targets)
    wanted = np.exp(log_softmax(logits)) - share
    np.testing.assert_allclose(gradient.numpy(), wanted, atol=1e-6)


def test_windows_lie_in_the_training_text_and_start_anywhere_alike() -> None:
    length, context = 40, 7
    data: Any = SimpleNamespace(train=np.arange(length, dtype=np.uint8))
    random = torch.Generator().manual_seed(0)
    rows = [
        language.batch(data, SimpleNamespace(context=context), TrainKnobs(batch=64), random)
        for _ in range(150)
    ]
    batch = torch.cat(rows)
    assert batch.shape == (64 * 150, context + 1)
    assert batch.dtype == torch.int64
    starts = batch[:, 0]
    assert torch.equal(batch, starts[:, None] + torch.arange(context + 1))
    places = length - context
    counts = np.bincount(starts.numpy(), minlength=places)
    assert len(counts) == places  # none begins so late that it would run over the end
    expected = len(batch) / places
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 74.7  # 32 degrees of freedom: one in 30,000


def test_a_text_of_one_window_is_enough() -> None:
    data: Any = SimpleNamespace(train=np.arange(8, dtype=np.uint8))
    random = torch.Generator().manual_seed(0)
    batch = language.batch(data, SimpleNamespace(context=7), TrainKnobs(batch=3), random)
    assert batch.tolist() == [list(range(8))] * 3


# --- held-out loss


def evaluate(
    module: Any, held_out: Any, context: int, most: int | None, per_token: float = 1.0
) -> tuple[dict[str, float], int]:
    """The result and how often the evaluation paused."""
    data: Any = SimpleNamespace(held_out=held_out, characters_per_token=per_token)
    run = language.evaluate(module, data, SimpleNamespace(context=context), TrainKnobs(), most)
    pauses = 0
    while True:
        try:
            next(run)
            pauses += 1
        except StopIteration as stop:
            return stop.value, pauses


@pytest.mark.parametrize("size", [2, 3, 9, 10, 11, 81, 82, 100, 200])
def test_each_held_out_token_is_scored_once(size: int) -> None:
    """Every token is another one, so a mean can only be right with each in it once."""
    held_out = np.arange(size)
    logits = np.random.default_rng(size).normal(size=size) * 3
    module = SameLogits(logits)
    result, pauses = evaluate(module, held_out, 9, None)
    assert result["held_out"] == pytest.approx(-log_softmax(logits)[1:].mean(), rel=1e-5)
    read = [token for window in module.windows for token in window]
    assert sorted(read) == list(range(size - 1))
    assert pauses == math.ceil((size - 1) // 9 / 8)


@pytest.mark.parametrize("most", [1, 9, 10, 50, 99, 1000])
def test_at_most_so_many_are_scored_and_at_least_a_window(most: int) -> None:
    held_out = np.arange(100)
    logits = np.random.default_rng(0).normal(size=100) * 3
    result, _ = evaluate(SameLogits(logits), held_out, 9, most)
    scored = min(max(most, 9), 99) // 9 * 9
    wanted = -log_softmax(logits)[1 : scored + 1].mean()
    assert result["held_out"] == pytest.approx(wanted, rel=1e-5)


def test_a_text_without_one_held_out_window_is_refused() -> None:
    data = text_data(sentences(100))
    size = min(len(data.train), len(data.held_out))
    language.check(data, SimpleNamespace(context=size - 1))
    with pytest.raises(PlaygroundError, match="too short"):
        language.check(data, SimpleNamespace(context=size))


def test_uniform_guessing_costs_the_logarithm_of_the_vocabulary() -> None:
    result, _ = evaluate(SameLogits(np.zeros(32)), np.arange(32), 5, None)
    assert result["held_out"] == pytest.approx(math.log(32))
    assert result["bits_per_char"] == pytest.approx(5.0)


@pytest.mark.parametrize("per_token", [1.0, 2.5, 4.0])
def test_bits_per_character_count_the_characters_of_a_token(per_token: float) -> None:
    result, _ = evaluate(SameLogits(np.zeros(32)), np.arange(32), 5, None, per_token)
    assert result["bits_per_char"] == pytest.approx(5.0 / per_token)
    data: Any = SimpleNamespace(characters_per_token=per_token)
    units = language.units(data)
    own, bits = units.items()
    assert own == ("nats per character" if per_token == 1.0 else "nats per token", 1.0)
    assert bits[0] == "bits per character"
    assert result["held_out"] * bits[1] == pytest.approx(result["bits_per_char"])


# --- sampling

LOGITS = np.log([0.02, 0.3, 0.08, 0.25, 0.05, 0.2, 0.1])


def expected(temperature: float, top_k: int, top_p: float) -> Any:
    """The distribution that is to be drawn from, by the definitions, one token at a time."""
    if temperature == 0:
        tempered = {int(LOGITS.argmax()): 1.0}
    else:
        weights = {i: math.exp(z / temperature) for i, z in enumerate(LOGITS)}
        tempered = {i: w / sum(weights.values()) for i, w in weights.items()}
    best = sorted(tempered, key=lambda i: -tempered[i])[: top_k or None]
    total = sum(tempered[i] for i in best)
    nucleus: list[int] = []
    for i in best:
        nucleus.append(i)
        if sum(tempered[j] for j in nucleus) / total >= top_p:
            break
    left = sum(tempered[i] for i in nucleus)
    wanted = np.zeros(len(LOGITS))
    for i in nucleus:
        wanted[i] = tempered[i] / left
    full = np.array([tempered.get(i, 0.0) for i in range(len(LOGITS))])
    return wanted, full


SETTINGS = [
    (1.0, 0, 1.0),
    (0.5, 0, 1.0),
    (2.0, 0, 1.0),
    (1.0, 3, 1.0),
    (1.0, 1000, 1.0),
    (1.0, 0, 0.6),
    (1.0, 0, 0.05),
    (0.7, 4, 0.7),
    (3.0, 5, 0.9),
    (0.0, 0, 1.0),
    (0.0, 3, 0.5),
]


def sampled(**values: Any) -> Tokens:
    trained = formula(lambda _: LOGITS, len(LOGITS))
    tokens = last(language.sampler(trained, TextSampleKnobs(**values), ()))
    assert isinstance(tokens, Tokens)
    return tokens


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_tokens_come_as_often_as_the_distribution_says(
    temperature: float, top_k: int, top_p: float
) -> None:
    number = 3000
    tokens = sampled(temperature=temperature, top_k=top_k, top_p=top_p, length=number, seed=7)
    assert tokens.kept == 1
    drawn = np.bincount(tokens.ids[1:], minlength=len(LOGITS))
    wanted, _ = expected(temperature, top_k, top_p)
    assert not drawn[wanted == 0].any()
    possible = wanted > 0
    deviation = (drawn - number * wanted)[possible]
    chi_square = (deviation**2 / (number * wanted[possible])).sum()
    assert chi_square < 28.0  # at most 6 degrees of freedom: one in 10,000


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_alternatives_say_what_stood_to_choose(
    temperature: float, top_k: int, top_p: float
) -> None:
    tokens = sampled(temperature=temperature, top_k=top_k, top_p=top_p, length=20, prompt="bad")
    wanted, full = expected(temperature, top_k, top_p)
    assert tokens.kept == 3
    assert tokens.text.startswith("bad")
    assert tokens.alternatives[:3] == ((), (), ())
    assert all(math.isnan(each) for each in tokens.probabilities[:3])
    assert tokens.next == ()
    for place in range(3, 23):
        check_alternatives(tokens.alternatives[place], wanted, full)
        probability = tokens.probabilities[place]
        assert probability == pytest.approx(full[tokens.ids[place]])
        own = [each for each in tokens.alternatives[place] if each.id == tokens.ids[place]]
        assert own == [Alternative(tokens.ids[place], tokens.pieces[place], probability, True)]


def check_alternatives(alternatives: tuple[Alternative, ...], wanted: Any, full: Any) -> None:
    ids = [each.id for each in alternatives]
    assert len(set(ids)) == len(ids) == len(full)
    probabilities = [each.probability for each in alternatives]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1.0)
    for each in alternatives:
        assert each.piece == chr(ord("a") + each.id)
        assert each.probability == pytest.approx(full[each.id])
        if full[each.id] > 0:  # at temperature 0 it is the temperature that leaves others out
            assert each.allowed == (wanted[each.id] > 0)


def test_an_unlikely_token_that_was_drawn_is_shown_after_the_ten_likeliest() -> None:
    size = 26
    logits = np.linspace(2.0, 0.0, size)
    trained = formula(lambda _: logits, size)
    tokens = last(language.sampler(trained, TextSampleKnobs(length=300, temperature=1.0), ()))
    full = np.exp(log_softmax(logits))
    late = 0
    for token, alternatives in zip(tokens.ids[1:], tokens.alternatives[1:], strict=True):
        assert [each.id for each in alternatives[:10]] == list(range(10))
        rest = [each.id for each in alternatives[10:]]
        assert rest == ([token] if token >= 10 else [])
        late += bool(rest)
        probabilities = [each.probability for each in alternatives]
        np.testing.assert_allclose(probabilities, full[[each.id for each in alternatives]])
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) < 1.0
    assert 0 < late < 300


def test_without_a_draw_the_next_distribution_is_shown() -> None:
    tokens = sampled(length=0, temperature=0.7, top_k=4, top_p=0.7, prompt="ab")
    assert tokens.ids == (0, 1)
    assert tokens.kept == 2
    check_alternatives(tokens.next, *expected(0.7, 4, 0.7))
    one = sampled(length=1, temperature=0.7, top_k=4, top_p=0.7, prompt="ab")
    assert len(one.ids) == 3
    check_alternatives(one.next, *expected(0.7, 4, 0.7))


def test_each_draw_uses_what_was_read_last() -> None:
    """A model that says the following letter, and only it: the text must be the alphabet."""

    def following(token: int) -> Any:
        return np.where(np.arange(26) == (token + 1) % 26, 50.0, 0.0)

    trained = formula(following, 26)
    tokens = last(language.sampler(trained, TextSampleKnobs(prompt="xy", length=30), ()))
    assert tokens.text == "xyzabcdefghijklmnopqrstuvwxyzabc"


def test_drawing_step_by_step_gives_the_same_text_as_the_whole() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(26, 26)) * 2
    trained = formula(lambda token: table[token], 26)
    settings: dict[str, Any] = {"temperature": 1.3, "top_k": 12, "top_p": 0.9, "prompt": "abc"}
    whole = last(language.sampler(trained, TextSampleKnobs(length=40, **settings), ()))
    grown = last(language.sampler(trained, TextSampleKnobs(length=0, **settings), ()))
    for _ in range(40):
        so_far = formula(lambda token: table[token], 26)
        object.__setattr__(so_far, "sample", grown)
        one_more = TextSampleKnobs(length=1, **settings)
        shown = grown.next
        grown = last(language.sampler(so_far, one_more, grown.ids))
        assert shown == grown.alternatives[-1][: len(shown)]
    for name in ("ids", "pieces", "alternatives", "kept"):
        assert getattr(grown, name) == getattr(whole, name)
    np.testing.assert_array_equal(grown.probabilities, whole.probabilities)


def test_a_kept_beginning_is_continued_as_it_went() -> None:
    table = np.random.default_rng(0).normal(size=(26, 26)) * 2
    trained = formula(lambda token: table[token], 26)
    whole = last(language.sampler(trained, TextSampleKnobs(prompt="abc", length=30), ()))
    for cut in range(3, 33):
        rest = TextSampleKnobs(prompt="abc", length=33 - cut)
        assert last(language.sampler(trained, rest, whole.ids[:cut])).ids == whole.ids


def test_what_an_earlier_sample_knew_of_kept_tokens_stays_known() -> None:
    whole = sampled(length=10, prompt="abc")
    trained = formula(lambda _: LOGITS, len(LOGITS))
    object.__setattr__(trained, "sample", whole)
    kept = (*whole.ids[:6], (whole.ids[6] + 1) % len(LOGITS))
    again = last(language.sampler(trained, TextSampleKnobs(length=5), kept))
    assert again.ids[:7] == kept
    assert len(again.ids) == 12
    assert again.alternatives[:6] == whole.alternatives[:6]
    assert again.alternatives[6] == ()  # it was chosen by hand
    assert math.isnan(again.probabilities[6])
    assert all(again.alternatives[7:])


def test_an_empty_prompt_begins_as_a_line_would() -> None:
    data = text_data(sentences(100))
    assert language.start_of_text(data, "") == [int(each) for each in data.tokeniser.encode("\n")]
    begun = language.start_of_text(data, "ada")
    assert "".join(data.tokeniser.piece(token) for token in begun) == "ada"


def test_unknown_characters_in_a_prompt_are_refused_by_name() -> None:
    data = text_data(sentences(100))
    with pytest.raises(PlaygroundError, match="Ω"):
        language.start_of_text(data, "ada Ω")


# --- what views read


def test_a_passage_is_the_typed_text_or_the_sample_or_held_out_text() -> None:
    held_out = np.arange(20)
    data = SimpleNamespace(tokeniser=Letters(26), held_out=held_out)
    trained = formula(lambda _: LOGITS, 26)
    object.__setattr__(trained, "data", data)
    assert language.passage(trained, "", 5) == ([0, 1, 2, 3, 4], tuple("abcde"))
    object.__setattr__(trained, "sample", sampled(length=4, prompt="g"))
    assert trained.sample is not None
    ids, labels = language.passage(trained, "", 3)
    assert ids == list(trained.sample.ids[:3])  # type: ignore[union-attr]
    assert labels == trained.sample.pieces[:3]  # type: ignore[union-attr]
    object.__setattr__(trained, "sample", None)
    object.__setattr__(data, "held_out", held_out[:0])
    data.separator = "n"
    assert language.passage(trained, "", 5) == ([13], ("n",))
    assert language.passage(trained, "hello", 4) == ([7, 4, 11, 11], tuple("hell"))
