r"""Folk tunes in ABC notation: from a text to notes, from notes to sound.

    X:1                 number     a note is  [^_=] accidental  A-G a-g pitch
    M:6/8               metre                 [,'] octave       3/2 length
    L:1/8               unit       and        z rest  [CE] chord  (3 triplet  A>B dotted
    K:D                 key
    |: ABc d2e | ...    music

A text that a model wrote is broken in places, so each measure is checked
against this grammar and left out where it does not fit; music21 then reads what
is left. A note sounds as a sum of harmonics that die away, like a plucked string:
s(t) = e(t) sum_k k^-1.5 sin(2 pi k f t).  ABC: https://abcnotation.com/wiki/abc:standard
"""

import json
import logging
import os
import re
import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.payloads import Sound
from engine.phrases import N_, PlaygroundError

log = logging.getLogger(__name__)

MOST_MEASURES = 64
MOST_SECONDS = 90.0
FEWEST_NOTES = 4
RATE = 22_050
SOFTWARE = "Generative Playground"

_FIELD = re.compile(r"^([A-Za-z]):\s*(.*?)\s*$")
_METRE = re.compile(r"C\|?|([1-9]\d?)/([248]|16)")
_UNIT = re.compile(r"1/(1|2|4|8|16|32)")
_KEY = re.compile(r"([A-G])([#b]?)\s*((?:maj|min|mix|dor|phr|lyd|loc)[a-z]*|m)?", re.IGNORECASE)

# What does not change which notes are heard: texts, grace notes, decorations, slurs.
_SILENT = re.compile(
    r'"[^"\n]*"|\{[^}\n]*\}|![^!\n]{1,20}!|\+[^+\n]{1,20}\+|%.*|\[[A-Za-z]:[^\]]*\]'
)
_DECORATION = re.compile(r"[.~HJLMOPSTuvRWk*y\\`]|\((?!\d)|(?<!\d)\)|\)")

_NOTE = r"(?:\^{1,2}|_{1,2}|=)?[A-Ga-g](?:,{1,2}|'{1,2})?"
_LENGTH = r"(?:[1-9]\d?)?(?:/(?:2|4|8|16)?|//)?"
_ITEM = rf"(?:{_NOTE}{_LENGTH}|z{_LENGTH}|\[(?:{_NOTE}{_LENGTH}){{1,6}}\]{_LENGTH})"
_TUPLET = r"(?:\([2-9])?"
_MEASURE = re.compile(rf"(?:{_TUPLET}{_ITEM}-?(?:[<>]{{1,2}}{_TUPLET}{_ITEM}-?)?)*")
_BAR = re.compile(r"((?::*\[?\|[|:\]]*|::)(?:[1-9](?![/\d]))?(?:\s*\[[1-9])?|\[[1-9])")


@dataclass(frozen=True, slots=True)
class Note:
    """pitch: MIDI number, 69 is A4 of 440 Hz. start, duration: in seconds."""

    pitch: int
    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class Tune:
    """notes: in the order of their start. tempo: quarter notes a minute."""

    notes: tuple[Note, ...]
    title: str
    tempo: float

    @property
    def seconds(self) -> float:
        """When the last note ends."""
        return max((note.start + note.duration for note in self.notes), default=0.0)


# --- the notation


def plain_music(line: str) -> str:
    """A line of music without what cannot be heard: slurs, bowing, fingering, grace notes.

    >>> plain_music('uA2 "4"e(dc) {g}T.B3 |\\\\')
    'A2 edc B3 |'
    """
    line = _DECORATION.sub("", _SILENT.sub("", line)).replace("x", "z")
    return re.sub(r"\s+", " ", line).strip()


def plain_tune(abc: str) -> str:
    """One tune as three fields (metre, unit, key) and its plain music, or "" if it is none.

    Tunes that change metre, unit or key on the way, or that have lines which are
    not of the notation, are none.
    """
    fields: dict[str, str] = {}
    music = []
    for line in abc.splitlines():
        field = _FIELD.match(line)
        if field is None:
            if "K" in fields and (plain := plain_music(line)):
                music.append(plain)
        elif field[1] in "MLK":
            if field[1] in fields:
                return ""
            fields[field[1]] = field[2]
    metre, unit = fields.get("M", ""), fields.get("L", "1/8")
    key = _plain_key(fields.get("K", ""))
    if not (_METRE.fullmatch(metre) and _UNIT.fullmatch(unit) and key and music):
        return ""
    if any(problem for line in music for _, problem in _measures(line)):
        return ""
    return "\n".join([f"M:{metre}", f"L:{unit}", f"K:{key}", *music])


def _plain_key(key: str) -> str:
    """`key` in its shortest form ("Dmix", "Am", "G"), or "" where it is none."""
    found = _KEY.fullmatch(key)
    if found is None:
        return ""
    mode = (found[3] or "")[:3]
    mode = "" if mode == "M" else mode.lower()  # "EM" is major
    return found[1].upper() + found[2] + {"maj": "", "min": "m"}.get(mode, mode)


def _measures(line: str) -> Iterator[tuple[str, bool]]:
    """The measures of a line of plain music, and whether each is broken."""
    for part in _BAR.split(line)[::2]:
        measure = part.replace(" ", "")
        if measure:
            yield part.strip(), not (_MEASURE.fullmatch(measure) and _pairs_up(measure))


def _pairs_up(measure: str) -> bool:
    """Whether each tuplet has all its notes in this measure."""
    items = list(re.finditer(rf"\(([2-9])|{_ITEM}", measure))
    return all(
        place + int(each[1]) < len(items)
        and not any(later[1] for later in items[place + 1 : place + 1 + int(each[1])])
        for place, each in enumerate(items)
        if each[1]
    )


def first_tune(text: str) -> str:
    """The first tune in a text that a model wrote, as ABC that stands by itself.

    It prefers a tune that has a key and that another one follows, for that one is
    whole; else takes the last, without the measure that was cut off. Raises
    `PlaygroundError` where nothing looks like a tune.
    """
    tunes = [tune for tune in _split(text) if tune.notes >= FEWEST_NOTES]
    if not tunes:
        raise _no_tune(text)
    chosen = next((tune for tune in tunes if "K" in tune.fields), tunes[0])
    music = list(chosen.music)
    if chosen.last and "|" in music[-1] and not text.endswith("\n"):
        music[-1] = music[-1][: music[-1].rindex("|") + 1]
    return "\n".join([*_header(chosen.fields), *music]) + "\n"


def _header(fields: Mapping[str, str]) -> list[str]:
    """The lines of a whole header: what of `fields` makes sense, and defaults for the rest."""
    metre, unit = fields.get("M", ""), fields.get("L", "")
    lines = ["X:1", *(f"{name}:{fields[name]}" for name in "TQ" if fields.get(name))]
    lines.append(f"M:{metre}" if _METRE.fullmatch(metre) else "M:4/4")
    lines.append(f"L:{unit}" if _UNIT.fullmatch(unit) else "L:1/8")
    return [*lines, f"K:{_plain_key(fields.get('K', '')) or 'C'}"]


@dataclass(frozen=True)
class _Block:
    """A stretch of a text that may be a tune. last: nothing came after it."""

    fields: dict[str, str]
    music: list[str]
    last: bool

    @property
    def notes(self) -> int:
        """How many notes there are in measures that are not broken."""
        if "K" not in self.fields and not any("|" in line for line in self.music):
            return 0  # "a bad cabbage" would do as music
        return sum(
            len(re.findall(r"[A-Ga-g]", measure))
            for line in self.music
            for measure, problem in _measures(plain_music(line))
            if not problem
        )


def _split(text: str) -> Iterator[_Block]:
    """Blocks end at an empty line, and at a field after music."""
    fields: dict[str, str] = {}
    music: list[str] = []
    for line in text.splitlines():
        field = _FIELD.match(line)
        if music and (field or not line.strip()):
            yield _Block(fields, music, last=False)
            fields, music = {}, []
        if field:
            if field[1] in "TMLQK":
                fields[field[1]] = field[2]
        elif line.strip():
            music.append(line.strip())
    if music:
        yield _Block(fields, music, last=True)


def _no_tune(text: str) -> PlaygroundError:
    """Says which line is not of the notation."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    music = [line for line in lines if not _FIELD.match(line)]
    broken = [
        line
        for line in music
        if "|" not in line or any(problem for _, problem in _measures(plain_music(line)))
    ]
    offending = next(iter(broken or music or lines), "")
    return PlaygroundError(
        N_(
            "this text is not a tune yet. The first line that is no music: {line!r}. Expected "
            "are measures such as 'ABc d2e |' after a key such as 'K:D'",
            line=offending[:80],
        )
    )


def parse(abc: str) -> Tune:
    """The notes of one tune in ABC, played once as written, without repeats.

    Broken measures are left out, and so is what goes on after 64 measures or 90 seconds.
    Raises `PlaygroundError` where hardly anything is left.
    """
    block = next((each for each in _split(abc) if each.notes >= FEWEST_NOTES), None)
    if block is None:
        raise _no_tune(abc)
    measures = [
        measure
        for line in block.music
        for measure, problem in _measures(plain_music(line))
        if not problem
    ][:MOST_MEASURES]
    header = _header({name: block.fields.get(name, "") for name in "MLK"})
    tempo = _tempo(header[1].removeprefix("M:"), block.fields.get("Q", ""))
    # From version 2 on, an accidental holds until the end of the measure.
    score = _score("\n".join(["%abc-2.1", *header, " | ".join(measures) + " |"]))
    notes = tuple(_notes(score, tempo)) if score is not None else ()
    if len(notes) < FEWEST_NOTES:
        raise _no_tune(abc)
    return Tune(notes, block.fields.get("T", ""), tempo)


def _tempo(metre: str, wanted: str) -> float:
    """Quarter notes a minute: what the tune says, or what its metre is usually danced to."""
    said = re.fullmatch(r"(\d+)/(\d+)\s*=\s*(\d+)", wanted)
    if said and int(said[2]):
        tempo = int(said[3]) * 4 * int(said[1]) / int(said[2])
        return min(400.0, max(20.0, tempo))
    if metre in ("6/8", "9/8", "12/8"):
        return 165.0
    return {"C|": 180.0, "2/4": 92.0, "2/2": 180.0}.get(metre, 130.0)


def _score(abc: str) -> Any:
    """What music21 makes of `abc`, or None where it can make nothing of it."""
    import music21  # takes a second

    try:
        return music21.converter.parseData(abc, format="abc")
    except (music21.exceptions21.Music21Exception, ValueError, LookupError) as error:
        log.warning("music21 cannot read %r: %s", abc, error)
        return None


def _notes(score: Any, tempo: float) -> Iterator[Note]:
    """The notes of a score, one after the other; tied ones are one."""
    seconds = 60.0 / tempo
    now = Fraction(0)
    tied: dict[int, Note] = {}
    # Measures that are not full are padded in the score, so the times are summed up here.
    for event in score.recurse().notesAndRests:
        start = float(now) * seconds
        now += Fraction(event.quarterLength).limit_denominator(960)
        end = min(float(now) * seconds, MOST_SECONDS)
        held, tied = tied, {}
        if start < MOST_SECONDS:
            for part in _parts(event):
                pitch = int(part.pitch.midi)
                before = held.pop(pitch, None)
                begun = before.start if before else start
                note = Note(pitch, begun, end - begun)
                if part.tie is not None and part.tie.type in ("start", "continue"):
                    tied[pitch] = note
                elif end > begun:
                    yield note
        yield from held.values()  # a tie to another pitch, or to nothing, ends here
        if start >= MOST_SECONDS:
            return
    yield from tied.values()


def _parts(event: Any) -> list[Any]:
    """The notes of a note, a chord, or a rest."""
    if event.isRest:
        return []
    return list(event.notes) if event.isChord else [event]


# --- sound


def synthesise(tune: Tune, rate: int = RATE) -> Sound:
    """`tune` as sound: samples (n,) in (-1, 1) at `rate` a second, and as a MIDI file."""
    tail = 0.3
    buffer = np.zeros(int((min(tune.seconds, MOST_SECONDS) + tail) * rate) + 1)
    for note in tune.notes:
        first = round(note.start * rate)
        tone = _tone(note, rate)[: len(buffer) - first]
        buffer[first : first + len(tone)] += tone
    peak = float(np.abs(buffer).max())
    samples = (0.9 / peak * buffer if peak else buffer).astype(np.float32)
    return Sound(samples, rate, title=tune.title, midi=midi(tune))


def _tone(note: Note, rate: int) -> NDArray[np.float64]:
    """One note with its release: (n,). Begins and ends at zero, so that nothing clicks."""
    attack, release = 0.008, 0.08
    t = np.arange(int((note.duration + release) * rate) + 1) / rate
    frequency = 440.0 * 2.0 ** ((note.pitch - 69) / 12)
    harmonics = np.arange(1, 9)
    harmonics = harmonics[harmonics * frequency < 0.45 * rate]
    wave = sum(
        (k**-1.5 * np.sin(2 * np.pi * k * frequency * t) for k in harmonics), np.zeros_like(t)
    )
    envelope = np.interp(t, [0.0, attack], [0.0, 1.0]) * (0.35 + 0.65 * np.exp(-4.0 * t))
    fall = np.clip((t - note.duration) / release, 0.0, 1.0)
    return np.asarray(wave * envelope * 0.5 * (1 + np.cos(np.pi * fall)))


def midi(tune: Tune) -> bytes:
    """`tune` as a standard MIDI file."""
    import music21

    part = music21.stream.Part()
    part.insert(0, music21.tempo.MetronomeMark(number=tune.tempo))
    for each in tune.notes:
        note = music21.note.Note(each.pitch)
        note.quarterLength = Fraction(each.duration * tune.tempo / 60).limit_denominator(96)
        start = Fraction(each.start * tune.tempo / 60).limit_denominator(96)
        part.insert(start, note)
    return bytes(music21.midi.translate.streamToMidiFile(part).writestr())


def write_wav(path: Path, sound: Sound, about: Mapping[str, Any] | None = None) -> None:
    """Write `sound` as 16-bit WAV; the file is there whole or not at all.

    about: what it was made with, plain values for JSON; without, what the sound says itself.
    It stands in the file as its comment, beside a title and the name of this program.
    Raises `PlaygroundError` where it cannot be written.
    """
    import soundfile

    comment = sound.settings if about is None else json.dumps(about, separators=(",", ":"))
    handle = None
    try:
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=".wav", dir=path.parent)
        os.close(handle)
        soundfile.write(name, sound.samples, sound.rate, subtype="PCM_16", format="WAV")
        _add_info(Path(name), str(sound.title), comment)
        os.replace(name, path)
    except (OSError, soundfile.SoundFileError) as error:
        if handle is not None:
            Path(name).unlink(missing_ok=True)
        raise PlaygroundError(
            N_("cannot write {path}: {error}", path=str(path), error=str(error))
        ) from error


def _add_info(path: Path, title: str, comment: str) -> None:
    """Add a chunk LIST INFO to the WAV at `path`: title, comment and software.

    The library would do it too, but drops everything where one text is longer than 2 kB.
    """
    texts = {b"INAM": title, b"ISFT": SOFTWARE, b"ICMT": comment}
    inside = [_chunk(name, text.encode() + b"\0") for name, text in texts.items() if text]
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(_chunk(b"LIST", b"".join([b"INFO", *inside])))
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def _chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as RIFF has it: name, length, content, and a zero where that is of odd length."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
