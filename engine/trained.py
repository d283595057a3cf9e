"""What samplers and views get to see: of a learner, or of a saved run.

The averaged model, with the settings and the data it was trained with.
"""

from collections.abc import Mapping
from pathlib import Path

from engine import wary
from engine.data import catalogue
from engine.family import Data, Model, Trained
from engine.learner import Learner, TorchRandom, check_fits, load_weights, settings_of
from engine.payloads import Payload
from engine.phrases import N_, PlaygroundError
from engine.store import Run, RunError, Store


def as_trained(
    learner: Learner,
    sample: Payload | None = None,
    companions: Mapping[str, Trained] | None = None,
) -> Trained:
    """What samplers and views get to see of a learner."""
    return Trained(
        module=learner.averaged,
        net=learner.net,
        train=learner.train,
        data=learner.data,
        step=learner.step,
        model=learner.model,
        sample=sample,
        companions=companions or {},
    )


def load_trained(store: Store, run: Run, model: Model) -> Trained:
    """The averaged model of a saved run, for sampling and views; needs no training data."""
    folder = store.checkpoint_path(run)
    data = load_stub(store, run)
    try:
        return from_weights(folder / "averaged.safetensors", run, model, data)
    except PlaygroundError:
        raise
    # Whatever a damaged or foreign file makes the readers raise, it is refused with its name.
    except Exception as error:
        raise RunError(
            N_("the weights of the run {run} cannot be read: {error}", run=run.id, error=str(error))
        ) from error


def from_weights(weights: Path, run: Run, model: Model, data: Data) -> Trained:
    """The model of `run` with the weights in a file, which is looked at before it is opened.

    Raises `PlaygroundError`, or whatever a damaged or foreign file makes its readers raise.
    """
    net, train, seed = settings_of(run, model)
    check_fits(model, net, data, weights)
    with TorchRandom(seed):
        module = model.build(net, data)
    load_weights(module, weights)
    module.eval().requires_grad_(False)
    return Trained(module, net, train, data, run.step, model)


def load_stub(store: Store, run: Run) -> Data:
    """What the run folder itself keeps of its data: enough to build the model and to sample."""
    path = store.path(run.id) / "data.json"
    try:
        return catalogue.from_json(wary.record(path))
    # Whatever a damaged or foreign file makes the readers raise, it is refused with its name.
    except Exception as error:
        raise RunError(
            N_("the run {run} is damaged: data.json: {error}", run=run.id, error=str(error))
        ) from error
