"""A learner: all the state that a training has, and the one step that changes it.

Weights, their running average (Polyak averaging), the optimisers' moments, the
random state, the step counter, the history. What is here, and nothing else, is
what a checkpoint holds; a learner that was saved, loaded and continued is
therefore equal to one that was never interrupted, bit for bit.
"""

import copy
import json
import math
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine import knobs, memory, nested, wary
from engine.data.catalogue import KINDS_OF_DATA
from engine.family import Model, TrainKnobs
from engine.history import History
from engine.phrases import N_, PlaygroundError
from engine.store import MOST_COUNTED, Run, RunError, write_atomically

MOST_SEED = 2**63 - 1
MOMENTS = 2  # of the optimiser, for each weight
# Of each weight: itself, average, gradient and moments; and what is remembered of all but the
# gradient to go back to, twice while it is renewed.
COPIES = 3 + MOMENTS + 2 * (2 + MOMENTS)
MOST_HEADER = 64_000_000  # bytes that a file of weights may have besides
OPTIMISER = "optimiser.safetensors"
PICKLED = "optimiser.pt"  # what older versions wrote in its place
FLOOR = 0.02  # of the learning rate, at the end of the plan and after it


def schedule(train: TrainKnobs, step: int, seconds: float) -> float:
    """The factor on the learning rate: a climb, a plateau, and a straight fall to `FLOOR`.

    The plan is counted in steps, in seconds of training, or in whichever is further on.
    """
    climb = min(1.0, (step + 1) / (train.warm_up + 1))
    done = max(
        step / train.steps if train.steps else 0.0,
        seconds / train.seconds if train.seconds else 0.0,
    )
    if done <= train.decay_from:
        return climb
    left = (1.0 - min(done, 1.0)) / max(1.0 - train.decay_from, 1e-9)
    return climb * max(FLOOR, left)


class TorchRandom:
    """A random state of its own for one job. (Models compute on the CPU, so that is all.)

    Whoever computes on another thread with torch's global state while a training
    runs disturbs both; a job of the worker never does.
    """

    def __init__(self, seed: int) -> None:
        self._outside: Tensor | None = None
        # Never through torch's global state: this may run while the compute thread draws from it.
        self.inside = torch.Generator().manual_seed(seed).get_state()

    def enter(self) -> None:
        """Put this state in force."""
        self._outside = torch.get_rng_state()
        torch.set_rng_state(self.inside)

    def leave(self) -> None:
        """Take it out, and put back what was there."""
        assert self._outside is not None
        self.inside = torch.get_rng_state()
        torch.set_rng_state(self._outside)
        self._outside = None

    def __enter__(self) -> "TorchRandom":
        self.enter()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Learner:
    """A model in training. Only the compute thread touches it."""

    def __init__(self, model: Model, data: Any, net: Any, train: TrainKnobs, seed: int) -> None:
        self.model = model
        self.data = data
        self.net = net
        self.train = train
        self.seed = seed
        self.step = 0
        self.seconds = 0.0
        self.history = History()
        self.complete = True  # False: loaded without its optimisers and random state
        self.random = TorchRandom(seed)
        self.draws = torch.Generator().manual_seed(seed)
        memory.check_room(COPIES * (size_of(model, net, data) or 0))
        with self.random:
            self.module = model.build(net, data)
        self.module.train()
        self.averaged = copy.deepcopy(self.module).eval().requires_grad_(False)
        self.optimisers = model.optimise(self.module, train)
        self._remember_pairs()

    def _remember_pairs(self) -> None:
        own, averaged = self.module.state_dict(), self.averaged.state_dict()
        # A tensor that two names share is one tensor, and is averaged once.
        places = {own[name].data_ptr(): name for name in own if own[name].is_floating_point()}
        moving = list(places.values())
        self._own = [own[name] for name in moving]
        self._averaged = [averaged[name] for name in moving]
        self._counters = [(own[n], averaged[n]) for n in own if not own[n].is_floating_point()]

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def advance(self) -> dict[str, Tensor]:
        """Take one training step. Gives its metrics, still as tensors (no copy to the host).

        The random state must be in force.
        """
        start = time.perf_counter()
        metrics: dict[str, Tensor] = {}
        rate = self.learning_rate
        batch = self.model.batch(self.data, self.net, self.train, self.draws)
        for descent in self.model.step(self.module, batch, self.train):
            self.module.zero_grad(set_to_none=True)
            descent.loss.backward()  # type: ignore[no-untyped-call]
            stepping = self.optimisers[descent.optimiser]
            if self.train.clip:
                groups = [group["params"] for each in stepping for group in each.param_groups]
                metrics["gradient"] = nn.utils.clip_grad_norm_(
                    [parameter for group in groups for parameter in group], self.train.clip
                )
            for optimiser in stepping:
                for group in optimiser.param_groups:
                    group["lr"] = rate * group.get("scale", 1.0)
                optimiser.step()
            metrics["loss"] = descent.loss.detach()
            metrics |= descent.metrics
        self.step += 1
        self._average()
        self.seconds += time.perf_counter() - start
        return metrics

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self.train.learning_rate * schedule(self.train, self.step, self.seconds)

    @torch.no_grad()
    def _average(self) -> None:
        # The average is shorter at the start, or the first samples would be noise for long.
        decay = min(self.train.average, self.step / (self.step + 10))
        torch._foreach_lerp_(self._averaged, self._own, 1.0 - decay)
        for own, averaged in self._counters:
            averaged.copy_(own)

    @property
    def finite(self) -> bool:
        """Whether weights, their average and what the optimisers remember are all numbers."""
        moments = [
            value
            for stepping in self.optimisers.values()
            for optimiser in stepping
            for state in optimiser.state.values()
            for value in state.values()
            if isinstance(value, Tensor) and value.is_floating_point()
        ]
        with torch.no_grad():
            kept = (*self._own, *self._averaged, *moments)
            sums = torch.stack([tensor.sum(dtype=torch.float64) for tensor in kept])
        return bool(torch.isfinite(sums).all())

    def save(self, folder: Path) -> None:
        """Write everything into `folder`, which must be there."""
        safetensors.torch.save_model(self.module, str(folder / "weights.safetensors"))
        safetensors.torch.save_model(self.averaged, str(folder / "averaged.safetensors"))
        nested.save(folder / OPTIMISER, self._rest())
        self.history.save(folder / "history.npz")
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "train": knobs.as_dict(self.train),
        }
        write_atomically(folder / "state.json", json.dumps(state).encode())

    def _rest(self) -> dict[str, Any]:
        return {
            "optimisers": {
                name: [each.state_dict() for each in stepping]
                for name, stepping in self.optimisers.items()
            },
            "random": self.random.inside,
            "draws": self.draws.get_state(),
        }

    def load(self, folder: Path) -> None:
        """Become what `save` wrote. Raises `PlaygroundError` where it does not fit.

        What a version wrote that pickled its optimisers is loaded without them, and is then
        not `complete`: no pickle is ever read.
        """
        try:
            state = wary.record(folder / "state.json")
            for module, name in ((self.module, "weights"), (self.averaged, "averaged")):
                load_weights(module, folder / f"{name}.safetensors")
            self.complete = (folder / OPTIMISER).exists() or not (folder / PICKLED).exists()
            if self.complete:
                most = (MOMENTS + 2) * _bytes_of(self.module) + MOST_HEADER
                self._take_rest(nested.load(folder / OPTIMISER, most))
            self.history = History.load(folder / "history.npz")
            self.step = wary.whole(state["step"], 0, MOST_COUNTED)
            self.seconds = wary.finite(state["seconds"])
            self.train = knobs.from_dict(type(self.train), state["train"])
        except PlaygroundError:
            raise
        # Whatever a damaged or foreign file makes the readers raise, it is refused with its name.
        except Exception as error:
            raise PlaygroundError(
                N_(
                    "the saved state in {folder} cannot be read: {error}",
                    folder=str(folder),
                    error=f"{type(error).__name__}: {error}",
                )
            ) from error

    def _take_rest(self, rest: Mapping[str, Any]) -> None:
        for name, stepping in self.optimisers.items():
            for optimiser, state in zip(stepping, rest["optimisers"][name], strict=True):
                _take_state(optimiser, state)
        torch.Generator().set_state(rest["random"])  # raises where that is no state
        self.random.inside = rest["random"]
        self.draws.set_state(rest["draws"])

    def remember(self) -> dict[str, Any]:
        """A copy in memory of all that `save` writes but the history; see `recall`."""
        return copy.deepcopy(
            {
                "module": self.module.state_dict(),
                "averaged": self.averaged.state_dict(),
                "rest": self._rest(),
                "step": self.step,
                "seconds": self.seconds,
            }
        )

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go back to what was remembered; the history forgets what came after."""
        memory = copy.deepcopy(dict(memory))
        self.module.load_state_dict(memory["module"])
        self.averaged.load_state_dict(memory["averaged"])
        self._take_rest(memory["rest"])
        self.step = memory["step"]
        self.seconds = memory["seconds"]
        self.history.forget_after(self.step)


def _take_state(optimiser: torch.optim.Optimizer, state: Any) -> None:
    """Give `optimiser` a state; raises `ValueError` where it could not go on with that."""
    fresh = [dict(group) for group in optimiser.param_groups]
    optimiser.load_state_dict(state)
    for group, own in zip(optimiser.param_groups, fresh, strict=True):
        for name in own.keys() - {"params"}:
            if not _alike(group.get(name), own[name]):
                raise ValueError(f"an optimiser cannot have {group.get(name)!r:.80} for {name}")
    for parameter, kept in optimiser.state.items():
        for name, value in kept.items():
            if isinstance(value, Tensor) and value.shape not in (torch.Size([]), parameter.shape):
                raise ValueError(f"{name} of an optimiser is of another shape than the weights")


def _alike(value: Any, own: Any) -> bool:
    """Whether `value` can stand in the place of `own`, a setting of an optimiser."""
    match own:
        case None | bool():
            return value is None or isinstance(value, bool)
        case int() | float():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and math.isfinite(value)
        case tuple() | list():
            return (
                isinstance(value, tuple | list)
                and len(value) == len(own)
                and all(_alike(*each) for each in zip(value, own, strict=True))
            )
        case _:
            return isinstance(value, type(own))


def checked_seed(seed: int) -> int:
    """`seed`, which must be one that torch takes."""
    if not 0 <= seed <= MOST_SEED:
        raise PlaygroundError(
            N_(
                "the seed cannot be {seed}: accepted is a whole number from 0 to {most}",
                seed=seed,
                most=MOST_SEED,
            )
        )
    return seed


def check_fits(model: Model, net: Any, data: Any, weights: Path) -> None:
    """Raise unless the file `weights` can be of a model with these settings, for this data.

    The network is built without memory for it, since the settings of a stranger may ask for
    more than there is. Raises `ValueError`, or `OSError` where there is no such file.
    """
    if data.kind in KINDS_OF_DATA and data.kind != model.accepts:
        raise ValueError(f"{model.key} learns from {model.accepts}, and its data is {data.kind}")
    size = wary.file_size(weights)
    wanted = size_of(model, net, data)
    if wanted is not None and wanted > size:
        raise ValueError(
            f"{weights.name} has {size:,} bytes, and a model with these settings {wanted:,}"
        )


def size_of(model: Model, net: Any, data: Any) -> int | None:
    """The bytes of the weights of such a network, which is built without memory for it.

    None for one that computes as it is built: none of those can be large.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return _bytes_of(model.build(net, data))
    except (RuntimeError, NotImplementedError):
        return None


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills tensors that have no memory: torch would import its compiler for it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What torch calls in the place of its function `func`."""
        kwargs = kwargs or {}
        filled = args[0] if args else kwargs.get("tensor")
        name = getattr(func, "__name__", "")
        if name.endswith("_") and not name.endswith("__") and isinstance(filled, Tensor):
            return filled
        return func(*args, **kwargs)


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill `module` from a file of safetensors. Raises `OSError`, `ValueError`, `RuntimeError` or
    `SafetensorError` where that is none, or of another model, or not all numbers."""
    size, most = wary.file_size(path), _bytes_of(module) + MOST_HEADER
    if size > most:
        raise ValueError(f"it has {size:,} bytes, and the model at most {most:,}")
    safetensors.torch.load_model(module, path)
    with torch.no_grad():
        values = [each for each in module.state_dict().values() if each.is_floating_point()]
        sums = torch.stack([each.sum(dtype=torch.float64) for each in values])
    if not bool(torch.isfinite(sums).all()):
        raise ValueError("some of its weights are no numbers")


def _bytes_of(module: nn.Module) -> int:
    """Of its weights; those that two names share count once."""
    tensors = {id(each): each for each in module.state_dict(keep_vars=True).values()}
    return sum(each.numel() * each.element_size() for each in tensors.values())


def settings_of(run: Run, model: Model) -> tuple[Any, Any, int]:
    """The net knobs, the train knobs and the seed that a run was begun with."""
    try:
        net: Any = knobs.from_dict(model.net, run.net)
        train: Any = knobs.from_dict(model.train, run.train)
        return net, train, checked_seed(run.seed)
    except PlaygroundError as error:
        raise RunError(
            N_("the run {run} is damaged: run.json: {error}", run=run.id, error=error.phrase)
        ) from error


def is_finite(values: Mapping[str, float]) -> bool:
    """Whether all of them are numbers."""
    return all(math.isfinite(value) for value in values.values())


def stack(pending: list[dict[str, Tensor]]) -> dict[str, float]:
    """The mean of each metric over several steps, in one copy to the host."""
    # Not every row need have them all: without clipping, for one, no gradient is measured.
    names = list(dict.fromkeys(name for row in pending for name in row))
    means = [
        torch.stack([row[name].float() for row in pending if name in row]).mean() for name in names
    ]
    return dict(zip(names, torch.stack(means).tolist(), strict=True))


def estimate(
    model: Model, data: Any, net: Any, train: Any, seed: int
) -> Generator[None, None, dict[str, float]]:
    """Time a few steps of a learner that is thrown away.

    Returns {"parameters", "seconds_per_step", "seconds" of the plan, "bytes" of memory}.
    """
    learner = Learner(model, data, net, train, seed)
    kept = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor.detach()  # what a node gives would hold the node, and neither ever be freed

    times = []
    for number in range(4):
        with learner.random:
            if number == 0:  # what a backward pass has to hold on to, counted as it is kept
                with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                    learner.advance()
            else:
                start = time.perf_counter()
                learner.advance()
                times.append(time.perf_counter() - start)
        yield
    per_step = sorted(times)[len(times) // 2]
    planned = train.seconds or train.steps * per_step
    return {
        "parameters": learner.parameters,
        "seconds_per_step": per_step,
        "seconds": planned,
        "bytes": learner.parameters * 4 * COPIES + kept,
    }
