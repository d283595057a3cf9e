"""WaveNet against its equations in numpy: what it sees, what it learns from, what it makes."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from engine.data import sound
from engine.families import wavenet
from engine.families.wavenet import (
    IN_TURN,
    MODEL,
    NO_CLASS,
    NOISE_UNTIL,
    NetKnobs,
    SampleKnobs,
    TrainKnobs,
    WaveNet,
    receptive_field,
    sampler,
)
from engine.family import Trained
from engine.layers import sounds
from engine.layers.compiling import Background
from engine.layers.sounds import OUTPUTS
from engine.payloads import Sound
from engine.phrases import PlaygroundError
from tests.engine.small import last, randomise, sound_data

DATA = sound_data()
every_output = pytest.mark.parametrize("output", OUTPUTS)


@pytest.fixture(autouse=True)
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the compiler from starting behind the tests."""
    monkeypatch.setattr(Background, "get", lambda self: None)


def network(**values: Any) -> WaveNet:
    """A network whose every weight counts (a fresh one has zeros)."""
    small: dict[str, Any] = {"doublings": 3, "stacks": 2, "residual": 6, "skip": 16}
    module = WaveNet(NetKnobs(**(small | values)), DATA).eval()
    randomise(module, scale=0.3)
    return module


def trained_of(module: WaveNet, data: Any = DATA, step: int = 1) -> Trained:
    module.requires_grad_(False)
    return Trained(module, module.net, TrainKnobs(), data, step, MODEL)


def made(module: WaveNet, data: Any = DATA, **values: Any) -> Sound:
    sound: Sound = last(sampler(trained_of(module, data), SampleKnobs(**values), ()))
    return sound


# --- the equations


def in_numpy(module: WaveNet, codes: list[int], label: int) -> Any:
    """Logits (T, V), sample by sample, with every dilation written out."""
    w = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    net = module.net
    x = [w["enter.weight"][int(module.row[c])] + float(module.rest[c]) * w["slope"] for c in codes]
    total = [np.zeros(net.skip) for _ in codes]
    dilations = [2**n for n in range(net.doublings)] * net.stacks
    for number, dilation in enumerate(dilations):
        above = []
        for t in range(len(codes)):
            past = x[t - dilation] if t >= dilation else np.zeros(net.residual)
            both = w[f"layers.{number}.inner.weight"] @ np.concatenate([past, x[t]])
            both = both + w[f"layers.{number}.inner.bias"]
            both = both + w[f"layers.{number}.tell.weight"][label]
            z = np.tanh(both[: net.residual]) / (1 + np.exp(-both[net.residual :]))
            out = w[f"layers.{number}.outer.weight"] @ z + w[f"layers.{number}.outer.bias"]
            if number + 1 < len(dilations):
                above.append(x[t] + out[: net.residual])
                out = out[net.residual :]
            total[t] = total[t] + out
        x = above
    hidden = [
        np.maximum(w["hidden.weight"] @ np.maximum(each, 0) + w["hidden.bias"], 0) for each in total
    ]
    return np.stack([w["leave.weight"] @ each + w["leave.bias"] for each in hidden])


@every_output
@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_network_is_its_equations(output: str, label: int) -> None:
    module = network(output=output)
    codes = np.random.default_rng(0).integers(0, module.output.codes, 20).tolist()
    line = [module.start, *codes]
    with torch.no_grad():
        logits = module(torch.tensor([line]), torch.tensor([label]))[0].numpy()
    wanted = in_numpy(module, line, label)
    assert np.ptp(wanted) > 1.0
    np.testing.assert_allclose(logits, wanted, atol=1e-5)


# --- what it sees


def gradient(module: WaveNet, length: int) -> Any:
    """|d logits[t] / d x[s]| summed over values, (t, s); logits[t] speak of the sample after s = t.

    s counts what has entered: the start of the clip, then the samples.
    """
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, length)))
    entered = module.entered(codes).detach().requires_grad_(True)
    logits = module.said(entered, torch.tensor([0]))[0]
    random = torch.randn(logits.shape[1], generator=torch.Generator().manual_seed(0))
    rows = [
        torch.autograd.grad(each @ random, entered, retain_graph=True)[0][0].abs().sum(1)
        for each in logits
    ]
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("doublings", [1, 2, 3])
@pytest.mark.parametrize("stacks", [1, 2])
def test_nothing_depends_on_what_comes_later_and_all_in_reach_counts(
    doublings: int, stacks: int
) -> None:
    module = network(doublings=doublings, stacks=stacks)
    reach = 1 + stacks * (2**doublings - 1)
    assert receptive_field(module.net) == module.field == reach
    found = gradient(module, reach + 6)
    for t in range(len(found)):
        seen = np.flatnonzero(found[t])
        # The next sample hangs on those from t - reach + 1 to t: exact zeros everywhere else.
        np.testing.assert_array_equal(seen, np.arange(max(0, t - reach + 1), t + 1))


# --- training


def test_windows_are_cut_from_clips_of_their_class() -> None:
    clips = [(np.full(500, 1000 * (label + 1), np.int16), label % 3) for label in range(9)]
    names = ("a", "b", "c")
    data = sound.parted("s", "S", 8000, clips, clips[:1], classes=names)
    train = TrainKnobs(batch=200, window=64, drop_label=0.3, noise=0.0)
    random = torch.Generator().manual_seed(0)
    net = NetKnobs()
    read, ahead, labels = wavenet.batch(data, net, train, random)
    codes = torch.cat([read[:, :1], ahead], dim=1)
    assert torch.equal(read, codes[:, :-1])  # without noise it reads what it has to say before
    output = OUTPUTS[net.output]
    assert read.shape == ahead.shape == (200, 64)
    values = {int(output.encode(1000 * (at + 1) / 32768)): at for at in range(9)}
    silent = int(output.encode(0.0))
    begun, ended = 0, 0
    for row, label in zip(codes.numpy(), labels.tolist(), strict=True):
        begun += row[0] == output.codes
        ended += row[-1] == silent
        (clip,) = {values[int(code)] for code in row if code not in (output.codes, silent)}
        assert label in (clip % 3, 3)
        assert not (np.diff((row == silent).astype(int)) < 0).any()  # silent only after the end
    assert 85 < begun < 150  # half, and those that would have begun before the clip
    assert 5 < ended < 60
    assert 30 < int((labels == 3).sum()) < 95


@every_output
def test_noise_is_added_to_what_is_read_alone(output: str) -> None:
    net, train = NetKnobs(output=output), TrainKnobs(batch=64, window=128, noise=3.0)
    read, ahead, _labels = wavenet.batch(DATA, net, train, torch.Generator().manual_seed(0))
    quiet = dataclasses.replace(train, noise=0.0)
    same, clean, _labels = wavenet.batch(DATA, net, quiet, torch.Generator().manual_seed(0))
    assert torch.equal(ahead, clean)
    start = OUTPUTS[output].codes
    assert torch.equal(read == start, same == start)
    known = same != start
    decode = OUTPUTS[output].decode
    gaps = (
        sounds.compressed(decode(read[known].numpy()))
        - sounds.compressed(decode(same[known].numpy()))
    ) * (255 / 2)
    assert abs(gaps.mean()) < 0.2
    assert gaps.std() == pytest.approx(3.0, rel=0.05)


def test_the_loss_is_the_mean_of_minus_log_p() -> None:
    module = network()
    batch = wavenet.batch(
        DATA, module.net, TrainKnobs(batch=2, window=64), torch.Generator().manual_seed(0)
    )
    (descent,) = wavenet.step(module, batch, TrainKnobs())
    total = 0.0
    for read, row, label in zip(*(part.tolist() for part in batch), strict=True):
        logits = in_numpy(module, read, label)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        total -= sum(log_p[t, code] for t, code in enumerate(row))
    assert float(descent.loss.detach()) == pytest.approx(total / (2 * 64), rel=1e-5)


def evaluated(module: WaveNet, most: int | None) -> float:
    run = wavenet.evaluate(module, DATA, module.net, TrainKnobs(), most)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            found: float = stop.value["held_out"]
            return found


def test_every_held_out_sample_is_scored_once_with_all_it_can_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = network()
    whole = evaluated(module, None)
    total, count = 0.0, 0
    ends = [*DATA.held_out_starts[1:].tolist(), len(DATA.held_out)]
    for start, end, label in zip(
        DATA.held_out_starts, ends, DATA.held_out_labels.tolist(), strict=True
    ):
        codes = module.output.encode(DATA.held_out[start:end] / 32768).tolist()
        with torch.no_grad():
            logits = module(torch.tensor([[module.start, *codes[:-1]]]), torch.tensor([label]))[0]
        log_p = torch.log_softmax(logits.double(), dim=1).numpy()
        total -= sum(log_p[t, code] for t, code in enumerate(codes))
        count += len(codes)
    assert count == len(DATA.held_out)
    assert whole == pytest.approx(total / count, rel=1e-5)
    monkeypatch.setattr(wavenet, "PIECE", 90)  # so that clips are scored in several pieces
    assert evaluated(module, None) == pytest.approx(whole, rel=1e-5)
    assert evaluated(module, 200) != evaluated(module, None)


# --- sampling


def test_a_piece_grows_and_never_changes_what_was_made() -> None:
    module = network()
    drawing = sampler(trained_of(module), SampleKnobs(seconds=0.4, label=1), ())
    grown = [each for each in drawing if isinstance(each, Sound)]
    assert len(grown) > 1
    whole = grown[-1]
    assert whole.rate == DATA.rate
    assert {each.piece for each in grown} == {whole.piece}
    assert {each.expected for each in grown} == {len(whole.samples)} == {3200}
    for each in grown:
        np.testing.assert_array_equal(each.samples, whole.samples[: len(each.samples)])
        assert np.shares_memory(each.samples, whole.samples)
        assert each.next is not None
        assert float(each.next.sum()) == pytest.approx(1.0, abs=1e-4)
    assert np.abs(whole.samples).max() <= 1.0
    again = made(module, seconds=0.4, label=1)
    np.testing.assert_array_equal(again.samples, whole.samples)
    assert again.piece != whole.piece


def test_settings_say_how_it_was_made() -> None:
    found = json.loads(made(network(), seconds=0.02, seed=7).settings)
    assert found["model"] == "wavenet"
    assert found["data"] == "small"
    assert found["step"] == 1
    assert found["net"]["doublings"] == 3
    assert found["sample"]["seed"] == 7


def test_until_it_has_learned_it_says_that_noise_is_normal() -> None:
    early = last(sampler(trained_of(network()), SampleKnobs(seconds=0.02), ()))
    assert str(NOISE_UNTIL) in early.caption
    late = trained_of(network(), step=NOISE_UNTIL)
    assert last(sampler(late, SampleKnobs(seconds=0.02), ())).caption == ""


def test_classes_come_in_turn_each_from_its_own_start() -> None:
    module = network()
    clip = DATA.counts[0] // DATA.clips[0]  # all are as long
    seconds = 3 * clip / DATA.rate
    piece = made(module, seconds=seconds, label=IN_TURN, temperature=0.0).samples
    for turn, label in enumerate((0, 1, 0)):
        alone = made(module, seconds=clip / DATA.rate, label=label, temperature=0.0).samples
        np.testing.assert_array_equal(piece[turn * clip : (turn + 1) * clip], alone)
    played = {made(module, seconds=0.05, label=n).samples.tobytes() for n in (0, 1, NO_CLASS)}
    assert len(played) == 3
    in_turn = made(module, seconds=0.05, label=IN_TURN).samples.tobytes()
    assert in_turn == made(module, seconds=0.05, label=0).samples.tobytes()
    assert made(module, seconds=0.05, label=9999).samples.tobytes() in played  # the last


def test_it_goes_on_from_a_recording(tmp_path: Path) -> None:
    module = network()
    wave = (0.5 * np.sin(np.arange(4000) / 5)).astype(np.float32)
    path = tmp_path / "own.wav"
    soundfile.write(path, wave, DATA.rate, subtype="FLOAT")
    piece = made(module, seconds=0.05, prime=str(path), prime_seconds=0.1)
    assert piece.given == 800
    assert len(piece.samples) == 800 + 400
    np.testing.assert_allclose(piece.samples[:800], wave[:800], atol=0.0223)
    codes = module.output.encode(piece.samples)
    with torch.no_grad():
        line = torch.tensor([[module.start, *codes[:-1].tolist()]])
        logits = module(line, torch.tensor([module.classes]))[0].numpy()
    cold = made(module, seconds=0.05, prime=str(path), prime_seconds=0.1, temperature=0.0)
    assert module.output.encode(cold.samples)[800] == logits[800].argmax()


def test_it_goes_on_from_a_held_out_clip_of_its_class() -> None:
    module = network()
    piece = made(module, seconds=0.02, clip=1, prime_seconds=0.05, temperature=0.0)
    start = int(DATA.held_out_starts[1])
    wanted = module.output.encode(DATA.held_out[start : start + 400] / 32768)
    np.testing.assert_array_equal(module.output.encode(piece.samples)[:400], wanted)
    label = int(DATA.held_out_labels[1])
    told = made(module, seconds=0.02, clip=1, prime_seconds=0.05, temperature=0.0, label=label)
    np.testing.assert_array_equal(piece.samples, told.samples)
    stub = sound.SoundData.from_json(DATA.to_json())
    with pytest.raises(PlaygroundError):
        made(module, stub, seconds=0.02, clip=1)


def test_a_run_without_its_sounds_still_plays() -> None:
    module = network()
    stub = sound.SoundData.from_json(DATA.to_json())
    whole, again = (made(module, data, seconds=0.15) for data in (DATA, stub))
    np.testing.assert_array_equal(whole.samples, again.samples)


def test_a_warmer_sample_is_another() -> None:
    module = network()
    cool, warm = (made(module, seconds=0.05, temperature=t).samples for t in (0.2, 1.5))
    assert not np.array_equal(cool, warm)
    assert dataclasses.asdict(MODEL.watch)["seconds"] <= 2.0
