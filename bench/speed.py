"""Training and generation speed of the Transformer beside Hugging Face's and torch's own.

python -m bench.speed [ROUNDS]
"""

import sys

from bench.common import machine, measured, median, peer_python, table

SECONDS = "6"


def main(rounds: int) -> None:
    """The contestants take turns, so that a slow moment of the machine hits all of them."""
    print(machine(), "\n")
    peer = peer_python()
    who = {
        "ours": sys.executable,
        "plain": sys.executable,
        "gpt2": peer,
    }
    training: dict[str, list[float]] = {name: [] for name in who}
    drawn: dict[str, list[dict[str, float]]] = {"ours": [], "gpt2": []}
    for _ in range(rounds):
        for name, python in who.items():
            training[name].append(
                measured(python, "bench.speed_one", name, "train", SECONDS)["tokens"]
            )
        for name in drawn:
            drawn[name].append(measured(who[name], "bench.speed_one", name, "generate", SECONDS))
    ours = training["ours"]
    table(
        ("training, 4 layers x 4 heads x 128, context 64, batch 12", "tokens/s", "ours / it"),
        [
            (
                title,
                f"{median(training[name]):,.0f}",
                f"{median(a / b for a, b in zip(ours, training[name], strict=True)):.2f}",
            )
            for name, title in (
                ("ours", "ours"),
                ("plain", "nn.TransformerEncoder"),
                ("gpt2", "Hugging Face GPT2LMHeadModel"),
            )
        ],
    )
    print()
    full = [row["full"] for row in drawn["ours"]]
    rows = []
    for title, name, key in (
        ("ours, full recomputation", "ours", "full"),
        ("ours, cache in torch", "ours", "torch_cache"),
        ("ours, compiled step", "ours", "compiled"),
        ("ours, whole sampler, full recomputation", "ours", "sampler_full"),
        ("ours, whole sampler (draws, alternatives)", "ours", "sampler"),
        ("Hugging Face generate, no cache", "gpt2", "full"),
        ("Hugging Face generate, cache", "gpt2", "cache"),
    ):
        values = [row[key] for row in drawn[name]]
        ratio = median(a / b for a, b in zip(values, full, strict=True))
        rows.append((title, f"{median(values):,.0f}", f"{ratio:.1f}"))
    table(("generation to 256 tokens, batch 1", "tokens/s", "times full recomputation"), rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
