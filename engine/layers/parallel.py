"""Writing all places at once: the length first, then every token by itself, in a few rounds.

    p(y, T | x) = p(T | x) prod_i p(y_i | what is given, T, x)

What is given is nothing in the first round: every place holds a mask. In Mask-Predict's round t
of k the n = floor(T (k - t) / k) tokens that the model is least sure of are masked again and
written anew, with all others in view (Ghazvininejad et al. 2019, arXiv:1904.09324, section 3).
With one round it is plain non-autoregressive decoding.

The length comes from what the encoder made of the source. Several of the likeliest lengths can
be tried in one batch; the text of the highest log-probability is taken, that of its length with
it (Gu et al. 2018, arXiv:1711.02281, section 3.3, ask a second model instead). By its tokens
alone, as a sum or a mean, a wrong length often wins: what is left over was never seen in
training, and it is sure of that without a reason.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.pairs import MASK, PAD, SPECIAL, PairData
from engine.knobs import knob
from engine.layers.blocks import norm
from engine.layers.translating import (
    Cache,
    Decoder,
    Encoder,
    Memory,
    Pairs,
    Step,
    TranslatorKnobs,
    Way,
    Written,
    dependence,
    visible,
)
from engine.phrases import N_


@dataclass(frozen=True)
class ParallelKnobs(TranslatorKnobs):
    """And what the parallel decoder is given."""

    decoder_input: str = knob(
        "copied source",
        N_("Decoder input"),
        choices=(N_("copied source"), N_("masks")),
        help=N_(
            "Besides masks: each place is given the part of the source that is as far on its way. "
            "Without that it has to find out by itself where to look, which takes long."
        ),
    )

    @property
    def copies(self) -> bool:
        """Whether it is the copied source."""
        return self.decoder_input == "copied source"


class ParallelDecoder(Decoder):
    """A decoder whose places all see each other.

    copies: to each place j of T is added what the encoder made of the source's place
    floor((j + 1/2) S / T), the one that is as far on its way (Gu et al. 2018, section 3.1).
    """

    def __init__(self, net: TranslatorKnobs, tokens: int, places: int, copies: bool = True) -> None:
        super().__init__(net, tokens, places, causal=False)
        self.copies = copies

    def read(self, encoded: Tensor, sources: Tensor) -> Memory:
        """As of any decoder; last in its `keys_values` there is a copy of the source."""
        memory = super().read(encoded, sources)
        if not self.copies:
            return memory
        return Memory((*memory.keys_values, encoded[None, :, None]), memory.seen)

    def run(
        self,
        x: Tensor,
        memory: Memory,
        there: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Logits (B, T, tokens); see `Decoder.run`. There is nothing that a cache could keep."""
        return super().run(self.aligned(x, memory, there), memory, there)

    def aligned(self, x: Tensor, memory: Memory, there: Tensor | None) -> Tensor:
        """x (B, T, C) with what is copied."""
        if not self.copies:
            return x
        source = memory.keys_values[-1][0, :, 0]
        places, size = x.shape[1], source.shape[1]
        length = torch.tensor(places) if there is None else there.sum(-1)[:, 0].clamp(min=1)
        extent = torch.tensor(size) if memory.seen is None else memory.seen.sum(-1)[:, 0]
        across = (2 * torch.arange(places) + 1) * extent // (2 * length)
        index = across.clamp(max=size - 1)[..., None].expand(*x.shape)
        return x + source.gather(1, index)

    def cross_attention(self, tokens: Tensor, memory: Memory) -> Tensor:
        """How much each token attends to each of the source: (layers, B, H, T, S)."""
        seen = visible(tokens)
        x = self.aligned(self.embed(tokens), memory, seen)
        found = []
        for block, keys_values in zip(self._blocks(), memory.keys_values, strict=False):
            y = norm(x)
            after = x + block.own(y, block.own.keys_values(y), seen)
            found.append(block.cross.weights(norm(after), keys_values, memory.seen))
            x = block(x, lambda new: new, seen, keys_values, memory.seen)
        return torch.stack(found)


class LengthHead(nn.Module):
    """Predicts the length of the target from what the encoder made of the source.

    What the tokens of the source say is summed: the lengths of parts add up to that of a whole.
    """

    def __init__(self, net: TranslatorKnobs, longest: int) -> None:
        super().__init__()
        self.up = nn.Linear(net.width, 2 * net.width)
        self.out = nn.Linear(2 * net.width, longest + 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, encoded: Tensor, sources: Tensor) -> Tensor:
        """Logits (B, longest + 1) of the lengths 0, 1, ..., from (B, S, C); 0 never happens."""
        there = (sources != PAD)[..., None]
        summed = (F.relu(self.up(encoded)) * there).sum(1)
        logits: Tensor = self.out(summed)
        return logits.index_fill(1, torch.tensor([0]), -math.inf)


def lengths_of(targets: Tensor) -> Tensor:
    """(B,) how long each of `targets` (B, T) is."""
    return (targets != PAD).sum(1)


def blank(lengths: Tensor) -> Tensor:
    """Masks at as many places as `lengths` (B,) say, and padding: (B, longest of them)."""
    place = torch.arange(max(1, int(lengths.max())))
    return torch.where(place < lengths[:, None], MASK, PAD)


def least_sure(sure: Tensor, there: Tensor, count: Tensor) -> Tensor:
    """(B, T) bool: in each row the `count` (B,) places of `there` with the lowest `sure`."""
    order = sure.masked_fill(~there, math.inf).sort(dim=1, stable=True).indices
    rank = order.argsort(1)
    chosen: Tensor = (rank < count[:, None]) & there
    return chosen


def some_masked(targets: Tensor, random: torch.Generator) -> Tensor:
    """`targets` (B, T) with a random part of each masked: of N tokens 1, 2, ... or N, each number
    as likely as any other, and then any of the places."""
    there = targets != PAD
    count = (torch.rand(len(targets), generator=random) * there.sum(1)).floor().long() + 1
    hidden = least_sure(torch.rand(targets.shape, generator=random), there, count)
    return targets.masked_fill(hidden, MASK)


class Masked(NamedTuple):
    """A batch: sources (B, S), targets (B, T), and the targets as the decoder sees them."""

    sources: Tensor
    targets: Tensor
    given: Tensor


class Learned(NamedTuple):
    """What a parallel decoder is to make smaller, in nats: the sum over masked tokens and their
    number, and the sum over lengths and their number."""

    tokens: Tensor
    hidden: Tensor
    lengths: Tensor
    rows: int

    @property
    def per_token(self) -> Tensor:
        """Nats per masked token, and those of the length shared out among a target's tokens."""
        return (self.tokens / self.hidden) + self.lengths / self.rows / LENGTH_SHARE


LENGTH_SHARE = 8.0
"""A length counts as much as an eighth of it would, were it a token: about once for a target."""


def learned(
    decoder: Decoder, memory: Memory, length_logits: Tensor, given: Tensor, targets: Tensor
) -> Learned:
    """Cross-entropy of the tokens that `given` (B, T) masks, and of the lengths."""
    hidden = given == MASK
    logits = decoder(given, memory)
    tokens = F.cross_entropy(logits[hidden], targets[hidden], reduction="sum")
    lengths = F.cross_entropy(length_logits, lengths_of(targets), reduction="sum")
    return Learned(tokens, hidden.sum(), lengths, len(targets))


class Filled(NamedTuple):
    """Targets (B, T) with every mask filled, the log-probability of each token when it was
    written (of those given, 0), and how many passes each row took (B,)."""

    tokens: Tensor
    log_p: Tensor
    passes: Tensor


class Watch:
    """Keeps what stood after each pass over the first row; `began` as by ``perf_counter``."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.steps: list[Step] = []

    def see(
        self,
        tokens: Sequence[int],
        log_p: Sequence[float],
        fresh: Sequence[int] = (),
        dropped: Sequence[int] = (),
        note: str = "",
    ) -> None:
        """After a pass; what is masked has no probability."""
        seconds = time.perf_counter() - self.began
        there = [i for i, token in enumerate(tokens) if token != PAD]
        sure = tuple(math.nan if tokens[i] == MASK else math.exp(log_p[i]) for i in there)
        ids = tuple(tokens[i] for i in there)
        self.steps.append(Step(seconds, ids, sure, tuple(fresh), tuple(dropped), note))


def places(which: Tensor) -> tuple[int, ...]:
    """Where the first row of `which` (B, T) bool is true."""
    return tuple(which[0].nonzero().flatten().tolist())


@torch.no_grad()
def fill(
    decoder: Decoder, memory: Memory, given: Tensor, rounds: int, watch: Watch | None = None
) -> Filled:
    """Fill the masks of `given` (B, T) in at most `rounds` rounds; what is no mask stays."""
    there = given == MASK
    total = there.sum(1)
    tokens, log_p = given, torch.zeros(given.shape)
    passes = torch.zeros(len(given), dtype=torch.long)
    open_ = there
    for number in range(1, rounds + 1):
        # Of the characters alone: nobody writes a mask, or an end where the length is given.
        best, character = decoder(tokens, memory)[..., SPECIAL:].log_softmax(-1).max(-1)
        tokens = torch.where(open_, character + SPECIAL, tokens)
        log_p = torch.where(open_, best, log_p)
        passes += open_.any(1)
        again = torch.zeros_like(there)
        if number < rounds:
            again = least_sure(log_p, there, total * (rounds - number) // rounds)
        if watch is not None:
            # A token that is taken back at once is still seen, but as such and not as a new one.
            watch.see(tokens[0].tolist(), log_p[0].tolist(), places(open_ & ~again), places(again))
        if number == rounds or not again.any():
            break
        tokens, open_ = tokens.masked_fill(again, MASK), again
    return Filled(tokens, log_p, passes)


@torch.no_grad()
def write_at_once(
    decoder: Decoder,
    memory: Memory,
    length_logits: Tensor,
    rounds: int,
    candidates: int,
    watch: Watch | None,
) -> list[Written]:
    """A target for each source, of the `candidates` likeliest lengths the best."""
    rows = len(length_logits)
    candidates = min(candidates, length_logits.shape[1] - 1)
    length_log_p, likeliest = length_logits.log_softmax(1).topk(candidates, dim=1)
    lengths = likeliest.flatten()
    if candidates > 1:
        memory = memory.rows(torch.arange(rows).repeat_interleave(candidates))
    filled = fill(decoder, memory, blank(lengths), rounds, watch)
    scores = filled.log_p.sum(1) + length_log_p.flatten()
    found = []
    texts, sizes = filled.tokens.tolist(), lengths.tolist()
    for row in range(rows):
        own = scores.view(rows, candidates)[row]
        order = own.argsort(descending=True, stable=True).tolist()
        tried = [row * candidates + each for each in order]
        ids = [(tuple(texts[i][: sizes[i]]), float(scores[i])) for i in tried]
        steps = tuple(watch.steps) if watch is not None else ()
        if watch is not None and tried[0] != 0:  # what was watched is the likeliest length
            i = tried[0]
            watch.see(texts[i], filled.log_p[i].tolist(), range(sizes[i]), note=N_("other length"))
            steps = tuple(watch.steps)
        passes = int(filled.passes[tried[0]])
        found.append(Written(ids[0][0], passes, ids[0][1], steps, tuple(ids[1:])))
    return found


class WriteInRounds(Protocol):
    """What fills all places of a target in rounds."""

    def __call__(
        self, sources: Tensor, watch: bool, rounds: int = 1, candidates: int = 1
    ) -> list[Written]:
        """A target for each of the sources (B, S)."""


def round_way(write: WriteInRounds, rounds: int, candidates: int = 1, group: str = "") -> Way:
    """The way to write in so many rounds, with so many lengths."""
    title = N_("{rounds} rounds", rounds=rounds) if rounds > 1 else N_("At once")
    if candidates > 1:
        title = N_("{way}, {count} lengths", way=title, count=candidates)
    return Way(
        f"rounds-{rounds}-{candidates}",
        title,
        group or N_("Mask-Predict"),
        lambda sources, watch: write(sources, watch, rounds, candidates),
    )


class ParallelTranslator(nn.Module):
    """An encoder, a decoder whose places all see each other, and a head for the length."""

    def __init__(self, net: ParallelKnobs, data: PairData) -> None:
        super().__init__()
        source, target = data.longest
        self.encoder = Encoder(net, data.sources.size, source)
        self.decoder = ParallelDecoder(net, data.targets.size, target, net.copies)
        self.length = LengthHead(net, target)

    def read(self, sources: Tensor) -> tuple[Memory, Tensor]:
        """What the decoder sees of the sources (B, S), and the logits of the lengths."""
        encoded = self.encoder(sources)
        return self.decoder.read(encoded, sources), self.length(encoded, sources)

    @staticmethod
    def given(targets: Tensor, random: torch.Generator) -> Tensor:
        """What the decoder gets to see of the targets (B, T) while it learns: only masks."""
        return targets.masked_fill(targets != PAD, MASK)

    def forward(self, pairs: Pairs) -> Tensor:
        """Nats per token that is to be written, and of the length; measured alike each time."""
        random = torch.Generator().manual_seed(0)
        return self.loss(Masked(*pairs, self.given(pairs.targets, random)))

    def loss(self, batch: "Masked") -> Tensor:
        """The same for what is masked in a batch."""
        memory, lengths = self.read(batch.sources)
        return learned(self.decoder, memory, lengths, batch.given, batch.targets).per_token

    def write(
        self, sources: Tensor, watch: bool, rounds: int = 1, candidates: int = 1
    ) -> list[Written]:
        """A target for each of the sources (B, S)."""
        seen = Watch(time.perf_counter()) if watch else None
        with torch.no_grad():
            memory, lengths = self.read(sources)
        return write_at_once(self.decoder, memory, lengths, rounds, candidates, seen)

    def in_rounds(self, rounds: int, candidates: int = 1, group: str = "") -> Way:
        """The way to write in so many rounds, with so many lengths."""
        return round_way(self.write, rounds, candidates, group)

    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(layers, B, H, T, S): where each place looks in the first round."""
        memory, _ = self.read(sources)
        return self.decoder.cross_attention(blank(lengths_of(targets)), memory)

    def dependence(self, sources: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """(T, T): see `Translator.dependence`."""
        memory, _ = self.read(sources)
        return {"": dependence(self.decoder, memory, blank(lengths_of(targets)))}

    @torch.no_grad()
    def length_logits(self, sources: Tensor) -> Tensor | None:
        """(B, longest + 1)."""
        return self.read(sources)[1]
