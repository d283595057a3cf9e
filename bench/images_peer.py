"""One peer of `bench.images`: trains on the same pictures, prints its figures as JSON.

    python -m bench.images_peer ddpm|vae-16|vae-2 PICTURES.npz SECONDS SEED OUT.npz

Runs in the peers' environment, which has neither the engine nor what it needs. The loop
around the peer's classes is the usual one; its optimiser has the learning rate that suits a
minute (1e-3), which is kinder to the peers than their own defaults for long trainings.
"""

import importlib.machinery
import json
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Imported by the peers for what is not used here: transforms, saving files, several machines.
STAND_INS = (
    *("torchvision", "torchvision.transforms", "torchvision.utils", "torchvision.datasets"),
    *(
        "accelerate",
        "scipy",
        "scipy.optimize",
        "scipy.special",
        "scipy.stats",
        "pytorch_fid",
        "pytorch_fid.fid_score",
    ),
    *("pytorch_fid.inception", "sklearn", "sklearn.mixture", "imageio", "dill"),
)
DDIM_STEPS = 20
SAMPLES = 500
DRAWS = 8


class StandIn(types.ModuleType):
    """A module that has a class of any name, and none of them does anything."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in() -> None:
    """Put the stand-ins in place."""
    for name in STAND_INS:
        sys.modules[name] = StandIn(name)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, sys.modules[name])


def train(step: Callable[[], None], seconds: float) -> int:
    """Take steps for so long; how many."""
    begun, steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return steps


def ddpm(pictures: Tensor, seconds: float, random: torch.Generator) -> tuple[Any, int, int]:
    """Its smallest sensible U-Net: 16 channels on three sizes, velocity, averaged weights."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet
    from ema_pytorch import EMA

    size = pictures.shape[-1]
    padding = -size % 4
    pictures = F.pad(pictures, (padding // 2, padding - padding // 2) * 2)
    unet = Unet(dim=16, dim_mults=(1, 2, 4), channels=pictures.shape[1], flash_attn=False)
    diffusion = GaussianDiffusion(
        unet,
        image_size=pictures.shape[-1],
        timesteps=1000,
        sampling_timesteps=DDIM_STEPS,
        objective="pred_v",
        auto_normalize=True,
    )
    averaged = EMA(diffusion, beta=0.995, update_every=10)
    optimiser = torch.optim.Adam(diffusion.parameters(), lr=1e-3, betas=(0.9, 0.99))

    def step() -> None:
        chosen = torch.randint(len(pictures), (16,), generator=random)
        loss = diffusion(pictures[chosen])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        averaged.update()

    steps = train(step, seconds)
    model = averaged.ema_model.eval()
    # Larger batches are slower here: their memory is taken from the system anew each time.
    parts = [model.sample(batch_size=20) for _ in range(SAMPLES // 20)]
    drawn = torch.cat(parts)[:, :, padding // 2 :, padding // 2 :][:, :, :size, :size]
    pixels = (drawn.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return pixels, steps, sum(each.numel() for each in diffusion.parameters())


class Inputs(dict[str, Tensor]):
    """What the peer's models take: a dictionary."""


def vae(
    latent: int, pictures: Tensor, held_out: Tensor, seconds: float, random: torch.Generator
) -> tuple[float, int, int]:
    """Its VAE with its own networks; the bound on the held-out pictures, dynamically binarised."""
    from pythae.models import VAE, VAEConfig

    config = VAEConfig(
        input_dim=tuple(pictures.shape[1:]), latent_dim=latent, reconstruction_loss="bce"
    )
    model = VAE(config)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def binary(unit: Tensor) -> Tensor:
        return (torch.rand(unit.shape, generator=random) < unit).float()

    def step() -> None:
        chosen = torch.randint(len(pictures), (100,), generator=random)
        loss = model(Inputs(data=binary(pictures[chosen]))).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    steps = train(step, seconds)
    return (
        bound(model.eval(), binary(held_out)),
        steps,
        sum(each.numel() for each in model.parameters()),
    )


@torch.no_grad()
def bound(model: Any, x: Tensor) -> float:
    """The negative ELBO in nats per picture, with several draws of z, as our own is measured."""
    code = model.encoder(x)
    mean, log_variance = code.embedding, code.log_covariance
    kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
    total = kl.double().mean()
    for _ in range(DRAWS):
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        pixels = model.decoder(z).reconstruction.reshape(x.shape).clamp(1e-7, 1 - 1e-7)
        total += F.binary_cross_entropy(pixels, x, reduction="sum").double() / len(x) / DRAWS
    return float(total)


def main(what: str, file: str, seconds: float, seed: int, out: str) -> Mapping[str, Any]:
    """Train and measure one of them."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    stand_in()
    with np.load(file) as found:
        pictures, held_out = (
            torch.from_numpy(found[name]).permute(0, 3, 1, 2).float() / 255
            for name in ("train", "held_out")
        )
    if what == "ddpm":
        pixels, steps, parameters = ddpm(pictures, seconds, random)
        np.savez(out, pixels=pixels)
        return {"steps": steps, "parameters": parameters}
    latent = int(what.removeprefix("vae-"))
    nats, steps, parameters = vae(latent, pictures, held_out, seconds, random)
    return {"nats": nats, "steps": steps, "parameters": parameters}


if __name__ == "__main__":
    print(
        json.dumps(
            main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
        )
    )
