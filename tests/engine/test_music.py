"""Tunes: what is written is what is heard, and what is broken is left out or named."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine import music
from engine.music import Note, Tune, first_tune, midi, parse, plain_tune, synthesise, write_wav
from engine.payloads import Sound
from engine.phrases import PlaygroundError

SCALE = "X:1\nT:Scale\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nCDEF|GABc|\n"


def pitches(abc: str) -> list[int]:
    return [note.pitch for note in parse(abc).notes]


# --- notes


def test_a_scale() -> None:
    tune = parse(SCALE)
    assert [note.pitch for note in tune.notes] == [60, 62, 64, 65, 67, 69, 71, 72]
    assert [note.start for note in tune.notes] == pytest.approx(list(range(8)))
    assert [note.duration for note in tune.notes] == pytest.approx([1.0] * 8)
    assert (tune.title, tune.tempo) == ("Scale", 60.0)
    assert tune.seconds == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("key", "bar", "expected"),
    [
        ("D", "FGcd|", [66, 67, 73, 74]),  # two sharps
        ("Bb", "BEef|", [70, 63, 75, 77]),
        ("Am", "A,Ac'a|", [57, 69, 84, 81]),
        ("Ador", "fFag|", [78, 66, 81, 79]),
        ("C", "^FF=F_B|F B FB|", [66, 66, 65, 70, 65, 71, 65, 71]),  # until the end of the bar
    ],
)
def test_keys_octaves_and_accidentals(key: str, bar: str, expected: list[int]) -> None:
    assert pitches(f"L:1/4\nK:{key}\n{bar}") == expected


@pytest.mark.parametrize(
    ("bar", "durations"),
    [
        ("A2 A/ A3/2 A//|", [2, 0.5, 1.5, 0.25]),
        ("A>B c<d|", [1.5, 0.5, 0.5, 1.5]),
        ("A>>B c2 d|", [1.75, 0.25, 2, 1]),
        ("(3ABc d2 e|", [2 / 3, 2 / 3, 2 / 3, 2, 1]),
        ("A-A B c d|", [2, 1, 1, 1]),
        ("A3-|A B c d|", [4, 1, 1, 1]),
    ],
)
def test_lengths(bar: str, durations: list[float]) -> None:
    tune = parse(f"M:4/4\nL:1/4\nQ:1/4=60\nK:C\n{bar}")
    assert [note.duration for note in tune.notes] == pytest.approx(durations)
    assert tune.seconds == pytest.approx(sum(durations))


def test_rests_and_chords() -> None:
    tune = parse("L:1/4\nQ:1/4=60\nK:C\nCz[EG]2|cd|")
    assert [(note.pitch, note.start) for note in tune.notes] == [
        (60, 0.0),
        (64, pytest.approx(2.0)),
        (67, pytest.approx(2.0)),
        (72, pytest.approx(4.0)),
        (74, pytest.approx(5.0)),
    ]


def test_a_bar_that_is_not_full_leaves_no_gap() -> None:
    tune = parse("M:4/4\nL:1/4\nQ:1/4=60\nK:C\nC|DE|F|GABc|")
    assert [note.start for note in tune.notes] == pytest.approx(list(range(8)))


def test_what_cannot_be_heard_makes_no_difference() -> None:
    adorned = 'L:1/4\nK:C\nu"4"C(.D ~E) {fg}TF|vG!trill!A"Am"Bc|\\\n% a remark\nc4 |]'
    assert pitches(adorned) == pitches("L:1/4\nK:C\nCDEF|GABc|c4|")


def test_repeats_and_endings_are_played_once_as_written() -> None:
    assert pitches("L:1/4\nK:C\n|:CD|1 EF:|2 GA|]\n|: B2 ::c2 :|[1 d2 |]") == [
        60, 62, 64, 65, 67, 69, 71, 72, 74,
    ]  # fmt: skip


# --- texts that a model wrote


def test_the_first_whole_tune_is_cut_out() -> None:
    text = "ed c2|\n\nM:6/8\nL:1/8\nK:D\n|:ABc d2e|f3 f3:|\n\nM:2/4\nL:1/16\nK:G\nGABc d4|"
    assert first_tune(text) == "X:1\nM:6/8\nL:1/8\nK:D\n|:ABc d2e|f3 f3:|\n"


def test_missing_fields_are_added_and_the_measure_that_was_cut_off_goes() -> None:
    assert first_tune("ABc d2e|f3 f3|gA") == "X:1\nM:4/4\nL:1/8\nK:C\nABc d2e|f3 f3|\n"
    assert first_tune("M:zz\nL:\nK:Dmixolydian\nABc d2e|\n") == (
        "X:1\nM:4/4\nL:1/8\nK:Dmix\nABc d2e|\n"
    )


def test_a_tune_after_prose() -> None:
    assert "K:G" in first_tune("And this, he said, is how it goes:\n\nK:G\nGABc dedB|\n")


def test_broken_measures_are_left_out() -> None:
    broken = "L:1/4\nK:C\nCDEF|[DE|(3G/|G>|A9999|x?|hello|G/0A|^|GABc|"
    assert pitches(broken) == [60, 62, 64, 65, 67, 69, 71, 72]


@pytest.mark.parametrize(
    ("text", "offending"),
    [
        ("The quick brown fox\njumps", "The quick brown fox"),
        ("a bad cabbage", "a bad cabbage"),
        ("K:D\n|[[[(((|\n", "|[[[(((|"),
        ("K:D\nAB|\n", "AB|"),
        ("M:6/8\nK:D\n", "M:6/8"),
        ("", "''"),
    ],
)
def test_what_is_no_tune_says_so(text: str, offending: str) -> None:
    for function in (first_tune, parse):
        with pytest.raises(PlaygroundError, match="not a tune yet") as caught:
            function(text)
        assert offending in str(caught.value)


def test_random_text_never_gets_past_the_grammar() -> None:
    random = np.random.default_rng(1)
    letters = list("ABCDEFGabcdefgz[](){}|:^_=,'/2348<>-\"!~ .\nMLK1/")
    heard = 0
    for _ in range(80):
        text = "K:D\n" + "".join(random.choice(letters, 150))
        try:
            tune = parse(first_tune(text))
        except PlaygroundError:
            continue
        heard += 1
        for note in tune.notes:
            assert 24 <= note.pitch < 120
            assert 0.0 < note.duration <= music.MOST_SECONDS
    assert heard >= 5


def test_a_long_broken_line_takes_no_time() -> None:
    begun = time.perf_counter()
    with pytest.raises(PlaygroundError):
        parse("K:C\n" + "ABcd'(3efg" * 2000 + "?|")
    assert time.perf_counter() - begun < 1.0


def test_length_is_bounded() -> None:
    long = parse("L:1/8\nM:4/4\nQ:1/4=200\nK:C\n" + "CDEFGABc|" * 200)
    assert len(long.notes) == 64 * 8
    slow = parse("L:1/1\nQ:1/4=20\nK:C\n" + "CDEF|" * 50)
    assert slow.seconds == pytest.approx(music.MOST_SECONDS)
    assert len(synthesise(slow, 8000).samples) < 8000 * 91


def test_metre_decides_the_tempo_where_nothing_is_said() -> None:
    tempi = [parse(f"M:{metre}\nK:C\nCDEF|").tempo for metre in ("6/8", "C|", "2/4", "4/4")]
    assert len(set(tempi)) == 4
    assert parse("Q:1/8=400\nK:C\nCDEF|").tempo == 200.0
    assert parse("Q:1/8=999\nK:C\nCDEF|").tempo == 400.0


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("G", "G"), ("EM", "E"), ("Amaj", "A"), ("Am", "Am"), ("AMin", "Am"), ("F#minor", "F#m"),
        ("DMix", "Dmix"), ("D mixolydian", "Dmix"), ("ADor", "Ador"), ("Bb", "Bb"), ("Bn", ""),
        ("", ""), ("H", ""), ("Dhello", ""),
    ],
)  # fmt: skip
def test_keys_are_brought_to_their_shortest_form(written: str, plain: str) -> None:
    assert music._plain_key(written) == plain


def test_a_tune_is_brought_to_its_shortest_form() -> None:
    tune = 'X: 1\nT: A tune\nR: reel\nM: C|\nL:1/8\nZ: Somebody\nK: AMin\nu"4"A2 (Bc) |\\\n d4 :|\n'
    assert plain_tune(tune) == "M:C|\nL:1/8\nK:Am\nA2 Bc |\nd4 :|"
    assert plain_tune(tune.replace("d4", "d4 | K:")) == ""
    assert plain_tune(tune + "K:D\nA4|\n") == ""
    assert plain_tune(tune.replace("M: C|", "")) == ""


# --- sound


def test_a4_sounds_at_440_hertz() -> None:
    sound = synthesise(Tune((Note(69, 0.0, 2.0),), "A", 60.0))
    spectrum = np.abs(np.fft.rfft(sound.samples[: 2 * sound.rate]))
    assert int(spectrum.argmax()) / 2.0 == pytest.approx(440.0, abs=0.5)
    assert sound.rate == 22_050
    assert sound.samples.dtype == np.float32
    assert len(sound.samples) == pytest.approx(2.3 * sound.rate, abs=2)


def test_sound_neither_clips_nor_clicks() -> None:
    sound = synthesise(parse("L:1/8\nK:C\n[CEGc][DFAd] z2 c/c/c/c/ [CEGc]4|"))
    samples = sound.samples.astype(np.float64)
    assert 0.5 < np.abs(samples).max() < 1.0
    assert samples[0] == 0.0
    assert abs(samples[-1]) < 1e-3
    assert np.abs(np.diff(samples)).max() < 0.5


def test_the_highest_note_has_no_alias() -> None:
    sound = synthesise(Tune((Note(108, 0.0, 1.0),), "", 60.0), rate=11_025)
    spectrum = np.abs(np.fft.rfft(sound.samples[: sound.rate]))
    assert int(spectrum.argmax()) == pytest.approx(4186, abs=2)
    assert spectrum[:3000].max() < 0.01 * spectrum.max()


def test_silence_stays_silent() -> None:
    assert not synthesise(Tune((), "", 60.0)).samples.any()


def test_midi_reads_back_to_the_same_notes(tmp_path: Path) -> None:
    import music21

    tune = parse("M:4/4\nL:1/4\nQ:1/4=90\nK:D\nFGc2|(3def [Ad] z|f4|")
    path = tmp_path / "tune.mid"
    path.write_bytes(synthesise(tune).midi)
    assert path.read_bytes() == midi(tune)
    score = music21.converter.parse(path)
    back = sorted(
        (float(note.getOffsetInHierarchy(score)), int(pitch.midi))
        for note in score.recurse().notes
        for pitch in note.pitches
    )
    expected = sorted((note.start * 1.5, note.pitch) for note in tune.notes)
    assert [pitch for _, pitch in back] == [pitch for _, pitch in expected]
    assert [start for start, _ in back] == pytest.approx([s for s, _ in expected], abs=0.05)
    (tempo, *_) = score.recurse().getElementsByClass("MetronomeMark")
    assert tempo.number == pytest.approx(90, abs=0.1)


def test_a_wav_file_has_the_same_samples(tmp_path: Path) -> None:
    sound = synthesise(parse(SCALE))
    path = tmp_path / "scale.wav"
    path.write_bytes(b"an older file")
    write_wav(path, sound)
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == sound.rate
    assert len(samples) == len(sound.samples)
    assert np.abs(samples - sound.samples).max() < 1e-4
    assert [each.name for each in tmp_path.iterdir()] == ["scale.wav"]


def info(content: bytes) -> dict[bytes, str]:
    """The texts of a WAV's LIST INFO, read as the format says; every length has to be right."""
    assert content[:4] == b"RIFF"
    assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
    assert content[8:12] == b"WAVE"
    return {
        name: text.rstrip(b"\0").decode()
        for name, part in chunks(content[12:])
        if name == b"LIST"
        for name, text in chunks(part[4:])
    }


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    while content:
        (length,) = struct.unpack_from("<I", content, 4)
        assert len(content) >= 8 + length
        yield content[:4], content[8 : 8 + length]
        content = content[8 + length + length % 2 :]


@pytest.mark.parametrize("title", ["Speech", "odd", "čeština 二"])
def test_a_wav_file_tells_what_it_is(tmp_path: Path, title: str) -> None:
    sound = Sound(np.zeros(101, np.float32), 8000, title, settings='{"seed": 5}')
    path = tmp_path / "a.wav"
    write_wav(path, sound)
    expected = {b"INAM": title, b"ISFT": "Generative Playground", b"ICMT": '{"seed": 5}'}
    assert info(path.read_bytes()) == expected
    with soundfile.SoundFile(path) as file:  # as another program finds it
        assert (file.title, file.comment) == (title, '{"seed": 5}')
        assert file.software == "Generative Playground"
        assert file.frames == 101
    # What is told of it goes before what it says itself, however long it is.
    about = {"net": {"layers": 30}, "words": "čtení" * 5000}
    write_wav(path, sound, about)
    assert json.loads(info(path.read_bytes())[b"ICMT"]) == about
    samples, rate = soundfile.read(path)
    assert (len(samples), rate) == (101, 8000)
    write_wav(path, Sound(np.zeros(10, np.float32), 8000))
    assert info(path.read_bytes()) == {b"ISFT": "Generative Playground"}


def test_a_wav_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Sound(np.zeros(10, dtype=np.float32), 8000)
    with pytest.raises(PlaygroundError, match=r"cannot write .*x\.wav"):
        write_wav(tmp_path / "nowhere" / "x.wav", sound)

    def full(*_: Any, **__: Any) -> None:
        raise soundfile.SoundFileRuntimeError("disk full")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(PlaygroundError, match="disk full"):
        write_wav(tmp_path / "x.wav", sound)
    assert list(tmp_path.iterdir()) == []
