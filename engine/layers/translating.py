"""An encoder and a decoder: what the models that turn a source into a target share.

The encoder reads the whole source at once, every token looking at every other. The decoder's
tokens look at each other and at what the encoder made of the source (cross-attention):

    m = Encoder(source)
    x = x + SelfAttention(n(x));  x = x + CrossAttention(n(x), m);  x = x + MLP(n(x))

With the causal mask a token of the target sees only those before it, so that the decoder can
write one after the other; without, all places are computed at once. That one flag, and what the
decoder is given to read, is all that the models of this family differ in.

Vaswani et al. 2017, arXiv:1706.03762, section 3.1; pre-norm: Xiong et al. 2020,
arXiv:2002.04745.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.pairs import BEGIN, END, PAD, PairData, Tokens, padded
from engine.family import TrainKnobs
from engine.knobs import knob
from engine.layers.blocks import norm, squared_relu
from engine.phrases import N_

# Shapes: B batch, S tokens of the source, T of the target, H heads, D width of a head, C = H D.


@dataclass(frozen=True)
class TranslatorKnobs:
    """Size of an encoder and a decoder."""

    layers: int = knob(
        2,
        N_("Layers"),
        low=1,
        high=8,
        help=N_("Blocks of the encoder, and as many of the decoder."),
    )
    heads: int = knob(
        4, N_("Heads"), low=1, high=16, help=N_("Attentions side by side in each block.")
    )
    head_width: int = knob(
        16,
        N_("Width of a head"),
        low=4,
        high=128,
        help=N_("Heads times this is the width of the network."),
    )
    dropout: float = knob(
        0.0,
        N_("Dropout"),
        low=0.0,
        high=0.9,
        advanced=True,
        help=N_("The share of values that is left out at random while training."),
    )

    @property
    def width(self) -> int:
        """C, the width of the network."""
        return self.heads * self.head_width


# --- the network


class Attention(nn.Module):
    """Queries of one text, keys and values of the same or of another."""

    def __init__(self, net: TranslatorKnobs) -> None:
        super().__init__()
        width = net.width
        self.heads = net.heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        # With zeros here a new block passes its input on, and learns from there.
        nn.init.zeros_(self.out.weight)

    def queries(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, H, T, D)."""
        batch, length, _ = x.shape
        q: Tensor = self.query(x).view(batch, length, self.heads, -1).transpose(1, 2)
        return q

    def keys_values(self, x: Tensor) -> Tensor:
        """(B, S, C) to keys and values, (2, B, H, S, D)."""
        batch, length, _ = x.shape
        both: Tensor = self.key_value(x).view(batch, length, 2, self.heads, -1)
        return both.permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, keys_values: Tensor, seen: Tensor | None) -> Tensor:
        """What each of x (B, T, C) gathers. seen: bool, broadcast to (B, H, T, S); None: all."""
        k, v = keys_values
        gathered = F.scaled_dot_product_attention(self.queries(x), k, v, attn_mask=seen)
        out: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return out

    def weights(self, x: Tensor, keys_values: Tensor, seen: Tensor | None) -> Tensor:
        """By the equation, how much each of x attends to each: (B, H, T, S), rows sum to 1."""
        k = keys_values[0]
        scores = self.queries(x) @ k.transpose(-1, -2) / math.sqrt(k.shape[-1])
        if seen is not None:
            scores = scores.masked_fill(~seen, -math.inf)
        return scores.softmax(dim=-1)


class MLP(nn.Module):
    """The small network that works on each place by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        out: Tensor = self.down(squared_relu(self.up(x)))
        return out


class EncoderBlock(nn.Module):
    """Every token of the source looks at every other."""

    def __init__(self, net: TranslatorKnobs) -> None:
        super().__init__()
        self.own = Attention(net)
        self.mlp = MLP(net.width)
        self.dropout = nn.Dropout(net.dropout)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """(B, S, C) to (B, S, C)."""
        y = norm(x)
        x = x + self.dropout(self.own(y, self.own.keys_values(y), seen))
        out: Tensor = x + self.dropout(self.mlp(norm(x)))
        return out


class DecoderBlock(nn.Module):
    """Tokens of the target look at each other, and at the source."""

    def __init__(self, net: TranslatorKnobs) -> None:
        super().__init__()
        self.own = Attention(net)
        self.cross = Attention(net)
        self.mlp = MLP(net.width)
        self.dropout = nn.Dropout(net.dropout)

    def forward(
        self,
        x: Tensor,
        own: Callable[[Tensor], Tensor],
        seen: Tensor | None,
        memory: Tensor,
        memory_seen: Tensor | None,
    ) -> Tensor:
        """(B, T, C) to (B, T, C). own: keys and values of the target, out of the new ones."""
        y = norm(x)
        x = x + self.dropout(self.own(y, own(self.own.keys_values(y)), seen))
        x = x + self.dropout(self.cross(norm(x), memory, memory_seen))
        out: Tensor = x + self.dropout(self.mlp(norm(x)))
        return out


class Embedding(nn.Module):
    """A vector for each token and one for each place, added."""

    def __init__(self, tokens: int, places: int, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Parameter(torch.randn(places, width))

    def forward(self, tokens: Tensor, first: int = 0) -> Tensor:
        """(B, T) int64, the first at the place `first`, to (B, T, C)."""
        x: Tensor = self.token(tokens) + self.place[first : first + tokens.shape[1]]
        return x


class Memory(NamedTuple):
    """What a decoder sees of the sources: `keys_values` of each of its blocks, each
    (2, B, H, S, D), and `seen` (B, 1, 1, S) bool, which of it is no padding (None: all)."""

    keys_values: tuple[Tensor, ...]
    seen: Tensor | None

    def rows(self, which: Tensor) -> "Memory":
        """Of these rows of the batch (indices, which may repeat) alone."""
        return Memory(
            tuple(each[:, which] for each in self.keys_values),
            None if self.seen is None else self.seen[which],
        )


def visible(tokens: Tensor) -> Tensor | None:
    """(B, 1, 1, S) bool, which of `tokens` (B, S) are no padding; None where none is."""
    there = tokens != PAD
    return None if bool(there.all()) else there[:, None, None, :]


class Encoder(nn.Module):
    """Reads the source."""

    def __init__(self, net: TranslatorKnobs, tokens: int, places: int) -> None:
        super().__init__()
        self.embed = Embedding(tokens, places, net.width)
        self.blocks = nn.ModuleList(EncoderBlock(net) for _ in range(net.layers))

    def forward(self, sources: Tensor) -> Tensor:
        """Sources (B, S) int64, padded with `PAD`, to (B, S, C), normalised."""
        x = self.embed(sources)
        seen = visible(sources)
        for block in self.blocks:
            x = block(x, seen)
        return norm(x)


class Cache:
    """Keys and values that a causal decoder keeps of what it has read of the target.

    places: for how many tokens there is room.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.past: list[Tensor] = []
        self.length = 0

    def grown(self, block: int, new: Tensor) -> Tensor:
        """All keys and values of `block`, the `new` ones (2, B, H, n, D) at the end."""
        end = self.length + new.shape[-2]
        if block == len(self.past):
            self.past.append(new.new_empty(*new.shape[:-2], self.places, new.shape[-1]))
        self.past[block][..., self.length : end, :] = new
        return self.past[block][..., :end, :]

    def rows(self, which: Tensor) -> None:
        """Keep these rows of the batch (indices, which may repeat) alone."""
        self.past = [each[:, which] for each in self.past]


class Decoder(nn.Module):
    """Writes the target, given what the encoder made of the source.

    causal: whether a token sees only those before it and itself.
    """

    def __init__(self, net: TranslatorKnobs, tokens: int, places: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.embed = Embedding(tokens, places, net.width)
        self.blocks = nn.ModuleList(DecoderBlock(net) for _ in range(net.layers))
        self.head = nn.Linear(net.width, tokens, bias=False)
        nn.init.zeros_(self.head.weight)

    def read(self, encoded: Tensor, sources: Tensor) -> Memory:
        """What this decoder sees of the encoder's (B, S, C); computed once for each source."""
        keys_values = tuple(block.cross.keys_values(encoded) for block in self._blocks())
        return Memory(keys_values, visible(sources))

    def run(
        self,
        x: Tensor,
        memory: Memory,
        there: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Logits (B, T, tokens) for embedded tokens x (B, T, C).

        there: (B, 1, 1, T) bool, which of them are no padding; None: all.
        cache: x are the tokens that follow those in it; it is grown by them. Causal only.
        """
        known = cache.length if cache is not None else 0
        seen = self._seen(x.shape[1], known, there)
        for number, block in enumerate(self.blocks):

            def own(new: Tensor, number: int = number) -> Tensor:
                return new if cache is None else cache.grown(number, new)

            x = block(x, own, seen, memory.keys_values[number], memory.seen)
        if cache is not None:
            cache.length = known + x.shape[1]
        logits: Tensor = self.head(norm(x))
        return logits

    def forward(self, tokens: Tensor, memory: Memory, cache: Cache | None = None) -> Tensor:
        """Logits (B, T, tokens) for `tokens` (B, T) int64, padded with `PAD`."""
        first = cache.length if cache is not None else 0
        there = visible(tokens) if cache is None else None
        return self.run(self.embed(tokens, first), memory, there, cache)

    def cross_attention(self, tokens: Tensor, memory: Memory) -> Tensor:
        """How much each token attends to each of the source: (layers, B, H, T, S)."""
        x, seen = self.embed(tokens), self._seen(tokens.shape[1], 0, visible(tokens))
        found = []
        for number, block in enumerate(self._blocks()):
            keys_values = memory.keys_values[number]
            y = norm(x)
            after = x + block.own(y, block.own.keys_values(y), seen)
            found.append(block.cross.weights(norm(after), keys_values, memory.seen))
            x = block(x, lambda new: new, seen, keys_values, memory.seen)
        return torch.stack(found)

    def _seen(self, size: int, known: int, there: Tensor | None) -> Tensor | None:
        """Which of the target `size` tokens see that follow `known` others; None: all."""
        if not self.causal or size == 1:  # the last sees all that stand before it
            return there
        past = torch.ones(size, known + size, dtype=torch.bool).tril(known)
        return past if there is None else past & there

    def _blocks(self) -> list[DecoderBlock]:
        return [block for block in self.blocks if isinstance(block, DecoderBlock)]


# --- what a translator offers


class Step(NamedTuple):
    """What stood after one pass of the network, while one target was written.

    seconds: since the source was given. ids: the tokens in their places, `MASK` where none is.
    probabilities: of each, NaN where none is. fresh: places written now. dropped: places whose
    token was taken back now. note: a few words on what just happened, or "".
    """

    seconds: float
    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    fresh: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Written:
    """One target that was written. ids: without beginning and end. passes: of the decoder, each
    over any number of places. score: the log-probability (nats) of ids as the model has it.
    steps: one for each pass, where it was watched. others: what else was tried and its score
    (further beams, other lengths), best first."""

    ids: tuple[int, ...]
    passes: int
    score: float = 0.0
    steps: tuple[Step, ...] = ()
    others: tuple[tuple[tuple[int, ...], float], ...] = ()


Write = Callable[[Tensor, bool], list[Written]]
"""``write(sources (B, S), watch)`` gives a target for each source; to watch, B must be 1."""


class Way(NamedTuple):
    """One way in which a trained translator can write.

    key: stable, unique within the model. title: for people ("4 rounds").
    group: what belongs to one line where quality is drawn against time ("Mask-Predict").
    """

    key: str
    title: str
    group: str
    write: Write


class Translator(Protocol):
    """What every model of pairs offers (its module), so that views are written once."""

    def ways(self) -> tuple[Way, ...]:
        """The ways that a comparison shows, the plain one first."""

    def sweep(self) -> tuple[Way, ...]:
        """More of them: how quality goes with time, as rounds, candidates or beams grow."""

    def way(self, knobs: Any) -> Way:
        """The way that sample settings ask for."""

    def cross_attention(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(layers, B, H, T, S) for targets (B, T) as they were written, without begin and end."""

    def dependence(self, sources: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """(T, T), of a single pair: how much the logits of target place i change with what the
        decoder is given at target place j (norm of the gradient; row i, column j). For each
        decoder by its name, which is "" where there is only one."""

    def length_logits(self, sources: Tensor) -> Tensor | None:
        """(B, longest + 1) logits of the target's length; None where it is not predicted."""


# --- training


class Pairs(NamedTuple):
    """A batch: sources (B, S) and targets (B, T) int64, padded, without begin and end."""

    sources: Tensor
    targets: Tensor


def as_batch(sources: Tokens, targets: Tokens) -> Pairs:
    """Rows of a `Part`, cut to what is longest among them."""

    def cut(rows: Tokens) -> Tensor:
        longest = max(1, int((rows != PAD).sum(1).max(initial=0)))
        return torch.from_numpy(rows[:, :longest].astype(np.int64))

    return Pairs(cut(sources), cut(targets))


ALIKE = 8  # batches that are drawn at once, and sorted by length


def batch(data: PairData, net: object, train: TrainKnobs, random: torch.Generator) -> Pairs:
    """Pairs at random; of the teacher's targets where `train` says so.

    So that little of a batch is padding, several are drawn at once, sorted by their lengths, and
    one of them, any, is taken. A pair is as likely as any other.
    """
    learned = data.taught if getattr(train, "distil", False) else None
    targets = data.train.targets if learned is None else learned
    drawn = torch.randint(len(targets), (ALIKE * train.batch,), generator=random).numpy()
    lengths = (data.train.sources[drawn] != PAD).sum(1) + (targets[drawn] != PAD).sum(1)
    which = int(torch.randint(ALIKE, (), generator=random))
    rows = drawn[np.argsort(lengths, kind="stable")].reshape(ALIKE, -1)[which]
    return as_batch(data.train.sources[rows], targets[rows])


def optimise(module: nn.Module, train: TrainKnobs) -> Mapping[str, list[torch.optim.Optimizer]]:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101); embeddings without decay."""
    named = list(module.named_parameters())
    tables = [p for name, p in named if "embed" in name]
    rest = [p for name, p in named if "embed" not in name]
    groups = [{"params": rest, "weight_decay": 0.05}, {"params": tables, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=train.learning_rate, betas=(0.9, 0.98), fused=True)
    return {"all": [adamw]}


def begun(targets: Tensor) -> Tensor:
    """What a causal decoder reads: `BEGIN`, then the targets (B, T): (B, T + 1)."""
    return F.pad(targets, (1, 0), value=BEGIN)


def ended(targets: Tensor) -> Tensor:
    """What it is to say then: the targets, `END`, and padding: (B, T + 1)."""
    longer = F.pad(targets, (0, 1), value=PAD)
    return longer.scatter(1, (targets != PAD).sum(1, keepdim=True), END)


def one_after_the_other(decoder: Decoder, memory: Memory, targets: Tensor) -> Tensor:
    """Cross-entropy of each token of the targets (B, T) and of their end, given those before
    it: nats per token."""
    logits = decoder(begun(targets), memory)
    return F.cross_entropy(logits.flatten(0, 1), ended(targets).flatten(), ignore_index=PAD)


def units(data: PairData) -> Mapping[str, float]:
    """Nats per token as the loss has it, and bits."""
    return {N_("nats per token"): 1.0, N_("bits per token"): 1 / math.log(2)}


def sources_of(data: PairData, texts: Sequence[str]) -> Tensor:
    """`texts` as sources (B, S) int64, padded; what is longer than any of the data is cut."""
    rows = [data.sources.encode(text)[: data.longest[0]] for text in texts]
    return torch.from_numpy(padded(rows).astype(np.int64))


def dependence(decoder: Decoder, memory: Memory, tokens: Tensor) -> Tensor:
    """(T, T), for one row of `tokens` (1, T): see `sensitivity`."""
    return sensitivity(decoder.embed(tokens), lambda x: decoder.run(x, memory))


def sensitivity(x: Tensor, logits_of: Callable[[Tensor], Tensor]) -> Tensor:
    """How much the logits at each place change with each vector of x (1, T, C): (T, T).

    Row i, column j is the norm of the gradient, with respect to vector j, of the logits at i
    (``logits_of(x)`` is (1, T, v)) in a fixed random direction.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits = logits_of(x)[0]
        along = torch.randn(logits.shape[-1], generator=torch.Generator().manual_seed(0))
        rows = []
        for scalar in logits @ along:
            (gradient,) = torch.autograd.grad(scalar, x, retain_graph=True)
            rows.append(gradient[0].norm(dim=-1))
    return torch.stack(rows).detach()


CHUNK = 32  # pairs at once where held-out pairs are measured
WRITTEN = 128  # held-out targets that are written to see whether they are right


class Measurable(Protocol):
    """What `held_out` needs of a module: the loss of a batch, and its ways to write."""

    def __call__(self, pairs: Pairs) -> Tensor:
        """Mean nats per token of a batch."""

    def ways(self) -> tuple[Way, ...]:
        """See `Translator.ways`; the first one writes."""


@torch.no_grad()
def held_out(
    module: Measurable, data: PairData, most: int | None
) -> Generator[None, None, dict[str, float]]:
    """Held-out nats per token ("held_out") over at most `most` tokens, and the share of sources,
    of up to `WRITTEN`, for which the first way writes a target that the data has ("exact")."""
    sources, targets = data.held_out
    sizes = (targets != PAD).sum(1) + 1
    few = None if most is None else int(np.searchsorted(np.cumsum(sizes), most, side="right"))
    count = len(sources) if few is None else max(1, few)
    total, tokens = 0.0, 0
    for first in range(0, min(count, len(sources)), CHUNK):
        last = min(first + CHUNK, count)
        part = as_batch(sources[first:last], targets[first:last])
        size = int(sizes[first:last].sum())
        total += float(module(part)) * size
        tokens += size
        yield
    right = 0
    wanted = min(len(sources), WRITTEN if most is not None else 8 * WRITTEN)
    for first in range(0, wanted, CHUNK):
        last = min(first + CHUNK, wanted)
        part = as_batch(sources[first:last], targets[first:last])
        written = module.ways()[0].write(part.sources, False)
        for source, each in zip(sources[first:last], written, strict=True):
            text = data.targets.decode(each.ids)
            right += text in data.references[data.sources.decode(source)]
        yield
    return {"held_out": total / max(tokens, 1), "exact": right / max(wanted, 1)}
