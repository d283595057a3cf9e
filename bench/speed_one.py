"""One contestant of `bench.speed`: prints its figures as one JSON object.

    python -m bench.speed_one ours|plain|gpt2 train|generate SECONDS

All have 4 layers, 4 heads, 128 wide, 65 tokens; training at context 64 and
batch 12, generation of 256 tokens at context 256, batch 1.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCABULARY, BATCH, CONTEXT, LONG = 65, 12, 64, 256


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Random tokens: how fast a step is does not depend on what is in it."""
    text = np.random.default_rng(0).integers(0, VOCABULARY, 100_000)
    generator = torch.Generator().manual_seed(0)
    while True:
        starts = torch.randint(len(text) - CONTEXT - 1, (BATCH,), generator=generator).numpy()
        rows = torch.from_numpy(text[starts[:, None] + np.arange(CONTEXT + 1)])
        yield rows[:, :-1], rows[:, 1:]


class Plain(nn.Module):
    """The same network from torch's own building blocks."""

    def __init__(self, context: int) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, 128)
        self.place = nn.Embedding(context, 128)
        layer = nn.TransformerEncoderLayer(
            128, 4, 512, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(128)
        self.head = nn.Linear(128, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to logits (B, T, vocabulary)."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.token(tokens) + self.place.weight[:length]
        logits: Tensor = self.head(self.norm(self.blocks(x, mask=mask, is_causal=True)))
        return logits


def gpt2(context: int) -> Any:
    """Hugging Face's class, of the same size, without dropout."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=context,
        n_embd=128,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=None,
    )
    return transformers.GPT2LMHeadModel(config)


def plain_stepper(module: nn.Module, logits_of: Callable[[Any], Tensor]) -> Callable[[], object]:
    """A usual training step: AdamW, clipped gradient."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)
    source = batches()

    def step() -> None:
        tokens, targets = next(source)
        loss = F.cross_entropy(logits_of(module(tokens)).flatten(0, 1), targets.flatten())
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()

    return step


def our_stepper() -> Callable[[], object]:
    """A step of our loop as it is, running average of the weights included."""
    learner = our_learner(CONTEXT)

    def step() -> None:
        with learner.random:
            learner.advance()

    return step


def our_learner(context: int) -> Any:
    """Our Transformer in nanoGPT's small configuration, on random text."""
    import dataclasses

    from engine.data.tokenisers import CharTokeniser
    from engine.families import transformer
    from engine.learner import Learner

    class RandomText:
        tokeniser = CharTokeniser("".join(chr(65 + n) for n in range(VOCABULARY)))
        train = np.random.default_rng(0).integers(0, VOCABULARY, 100_000).astype(np.uint8)
        held_out = train[:1000]
        separator = "A"

    preset = transformer.MODEL.preset("nanogpt")
    net = dataclasses.replace(preset.net, context=context)
    return Learner(transformer.MODEL, RandomText(), net, preset.train, 1)


def train(who: str, seconds: float) -> dict[str, float]:
    """Training tokens per second."""
    torch.manual_seed(0)
    if who == "ours":
        step = our_stepper()
    elif who == "plain":
        step = plain_stepper(Plain(CONTEXT), lambda out: out)
    else:
        step = plain_stepper(gpt2(CONTEXT), lambda out: out.logits)
    for _ in range(5):
        step()
    begun, steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return {"tokens": steps * BATCH * CONTEXT / (time.perf_counter() - begun)}


@torch.no_grad()
def generate(who: str, seconds: float) -> dict[str, float]:
    """Generated tokens per second, 256 at a time."""
    torch.manual_seed(0)
    if who == "gpt2":
        module = gpt2(LONG).eval()
        one = torch.zeros(1, 1, dtype=torch.long)

        def run(cache: bool) -> None:
            module.generate(
                one,
                attention_mask=torch.ones_like(one),
                do_sample=True,
                max_new_tokens=LONG - 1,
                min_new_tokens=LONG - 1,
                use_cache=cache,
                pad_token_id=0,
            )

        return {
            "cache": rate(lambda: run(True), seconds),
            "full": rate(lambda: run(False), seconds),
        }
    from engine.families import transformer
    from engine.trained import as_trained

    learner = our_learner(LONG)
    trained = as_trained(learner)
    for parameter in trained.module.parameters():  # zeros would be no honest work
        parameter.add_(torch.randn_like(parameter) * 0.02)

    def ours(cache: bool) -> None:
        knobs = transformer.SampleKnobs(length=LONG - 1, temperature=1.0, cache=cache)
        for _ in transformer.sampler(trained, knobs, ()):
            pass

    def decode(decoder: Any) -> None:
        for token in range(LONG):
            decoder.feed([token % VOCABULARY])

    found = {
        "torch_cache": rate(lambda: decode(transformer.CachedDecoder(trained.module)), seconds),
        "full": rate(lambda: decode(transformer.WindowDecoder(trained.module)), seconds),
        "sampler_full": rate(lambda: ours(False), seconds),
    }
    transformer.COMPILED.start().join()
    found["compiled"] = rate(lambda: decode(trained.module.decoder()), seconds)
    found["sampler"] = rate(lambda: ours(True), seconds)
    return found


def rate(run: Callable[[], object], seconds: float) -> float:
    """Tokens per second of `run`, which makes `LONG` of them."""
    run()
    begun, runs = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds or runs < 2:
        run()
        runs += 1
    return runs * LONG / (time.perf_counter() - begun)


if __name__ == "__main__":
    torch.set_num_threads(1)
    contestant, what, time_limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
    print(json.dumps((train if what == "train" else generate)(contestant, time_limit)))
