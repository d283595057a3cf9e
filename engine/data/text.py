"""Text to learn from: a file is read once in pieces, cut into tokens, and kept as numbers.

A file of any size is imported with a few MB of memory: it is hashed, surveyed
(which characters, which encoding, is it text at all), then its tokens are
written to a file in the cache, which is mapped into memory and not loaded. The
next time the hash alone finds them. The last tenth is held out.
"""

import codecs
import functools
import hashlib
import io
import json
import re
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import charset_normalizer
import numpy as np
from numpy.typing import NDArray

from engine import payloads, wary
from engine.data import cache
from engine.data.tokenisers import (
    BPETokeniser,
    ByteTokeniser,
    CharTokeniser,
    Tokeniser,
    code_points,
    tokeniser_from_json,
)
from engine.events import Progress
from engine.phrases import N_, PlaygroundError

__all__ = [
    "BPETokeniser",
    "ByteTokeniser",
    "CharTokeniser",
    "TextData",
    "Tokenisation",
    "Tokeniser",
    "check_length",
    "open_text",
    "tokeniser_from_json",
    "words_found",
]

Tokenisation: TypeAlias = Literal["auto", "char", "byte", "bpe"]
Loading: TypeAlias = Generator[Progress, None, "TextData"]

MOST_CHARACTERS = 8_000
"""An alphabet up to this size is learned character by character, in "auto"."""
SHORTEST = 100
MOST_COUNTED = 2**53
VOCABULARY = 4096

_RECIPE = 1  # raised when the same text would be cut otherwise
_CHUNK_BYTES = 1 << 19
_HEAD_BYTES = 1 << 12
_BPE_CHUNK = 1 << 15  # about 15 ms of byte-pair encoding
_BPE_SAMPLE = 4_000_000
_BPE_UNBROKEN = 1000  # characters; to find pairs in a longer word takes for ever
_MAPPED_BYTES = 8 << 20
_PREVIEW = 600
_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(rf"\S{{{_BPE_UNBROKEN}}}")
_LAST_BOUNDARY = re.compile(r"(?s).*\S(?=\s)")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = np.array([code for code in range(32) if chr(code) not in "\t\n\v\f\r\x1b"])


@dataclass(frozen=True, eq=False)
class TextData:
    """A text as tokens, in two parts.

    key: its key in the catalogue, or the path of the own file.
    train, held_out: (n,) token ids, uint8, uint16 or uint32, read-only; empty in
        what `from_json` gives, which serves to build a model and to sample from it.
    characters: in the whole text. tokens: in the two parts.
    characters_per_token: of the held-out part, to turn nats per token into bits per character.
    separator: what a fresh sample starts with where there is no prompt.
    sha256: of an own file, else "".
    """

    key: str
    title: str
    tokeniser: Tokeniser
    train: NDArray[Any]
    held_out: NDArray[Any]
    characters: int
    tokens: tuple[int, int]
    characters_per_token: float
    separator: str = "\n"
    credit: str = ""
    source: Path | None = None
    sha256: str = ""

    @property
    def kind(self) -> str:
        """What kind of data it is: "text"."""
        return "text"

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Title and value of what is worth knowing."""
        unit: str = {
            "char": N_("characters"),
            "byte": N_("bytes"),
            "bpe": N_("byte-pair tokens"),
        }[self.tokeniser.kind]
        train, held_out = self.tokens
        share = held_out / max(1, train + held_out)
        facts: list[tuple[str, str]] = [
            (N_("Length"), N_("{count:,} characters", count=self.characters)),
            (N_("Vocabulary"), N_("{count:,} {unit}", count=self.tokeniser.size, unit=unit)),
            (N_("To learn from"), N_("{count:,} tokens", count=train)),
            (N_("Held out"), N_("{count:,} tokens ({share:.0%})", count=held_out, share=share)),
        ]
        if self.source is not None:
            facts.append((N_("File"), str(self.source)))
        if self.credit:
            facts.append((N_("Credit"), self.credit))
        return tuple(facts)

    def preview(self) -> payloads.Text:
        """How the text begins: about 600 characters."""
        text = self.tokeniser.decode(self.train[:_PREVIEW])[:_PREVIEW]
        return payloads.Text(text.rstrip("\ufffd"), caption=N_("The beginning of what is learned."))

    def vocabulary(self) -> frozenset[str]:
        """The words of the held-out part, in lower case."""
        return self._vocabulary

    @functools.cached_property
    def _vocabulary(self) -> frozenset[str]:
        found: set[str] = set()
        rest = ""
        for first in range(0, len(self.held_out), _CHUNK_BYTES):
            text = rest + self.tokeniser.decode(self.held_out[first : first + _CHUNK_BYTES]).lower()
            words = _WORD.findall(text)
            # The last word may go on in the next part.
            rest = words.pop() if words and text.endswith(words[-1]) else ""
            found.update(words)
        return frozenset(found | {rest} - {""})

    def to_json(self) -> dict[str, Any]:
        """All but the tokens themselves, for JSON: enough to build a model and to sample."""
        return {
            "kind": self.kind,
            "key": self.key,
            "title": str(self.title),
            "tokeniser": self.tokeniser.to_json(),
            "characters": self.characters,
            "tokens": list(self.tokens),
            "characters_per_token": self.characters_per_token,
            "separator": self.separator,
            "credit": self.credit,
            "source": None if self.source is None else str(self.source),
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TextData":
        """What `to_json` wrote, with both parts empty.

        Raises `ValueError`, `TypeError` or `KeyError` where that is damaged.
        """
        wary.texts(values, "key", "title", "separator", "credit", "sha256")
        train, held_out = values["tokens"]
        empty = np.zeros(0, dtype=np.uint8)
        return cls(
            key=values["key"],
            title=values["title"],
            tokeniser=tokeniser_from_json(values["tokeniser"]),
            train=empty,
            held_out=empty,
            characters=wary.whole(values["characters"], 0, MOST_COUNTED),
            tokens=(wary.whole(train, 0, MOST_COUNTED), wary.whole(held_out, 0, MOST_COUNTED)),
            characters_per_token=wary.finite(values["characters_per_token"]),
            separator=values["separator"],
            credit=values["credit"],
            source=None if values["source"] is None else Path(values["source"]),
            sha256=values["sha256"],
        )


def check_length(data: TextData, context: int) -> None:
    """Raise `PlaygroundError` unless each part holds a window of `context` tokens and one more."""
    need = context + 1
    if min(len(data.train), len(data.held_out)) >= need:
        return
    per_token = data.characters / max(1, sum(data.tokens))
    share = min(len(data.train), len(data.held_out)) / max(1, sum(data.tokens))
    raise PlaygroundError(
        N_(
            "{title} is too short: it has {characters:,} characters, and a context of {context} "
            "tokens needs about {needed:,}. Use a longer text or a context of at most {most}",
            title=str(data.title),
            characters=data.characters,
            context=context,
            needed=int(need * per_token / max(share, 0.09)) + 1,
            most=max(0, min(len(data.train), len(data.held_out)) - 1),
        )
    )


def words_found(text: str, vocabulary: frozenset[str]) -> float:
    """The part, in [0, 1], of the words of `text` that are in `vocabulary`; 0 without words."""
    words = _WORD.findall(text.lower())
    return sum(word in vocabulary for word in words) / len(words) if words else 0.0


def open_text(
    path: Path | str,
    tokeniser: Tokenisation = "auto",
    vocabulary: int = VOCABULARY,
    shortest: int = SHORTEST,
) -> Loading:
    """Import the text file at `path`; yields `Progress`, returns `TextData`.

    tokeniser: "auto" takes characters where there are at most 8,000 different ones,
        else byte pairs. vocabulary: number of byte-pair tokens, 256 to 65,536.
    shortest: the fewest characters that will do.

    Raises `PlaygroundError` for what is not a text in UTF-8 (or in UTF-16 or UTF-32
    with a byte order mark), is too short, or cannot be read.
    """
    path = wary.place(path)
    parts = yield from tokenised(path, tokeniser, vocabulary, shortest)
    return TextData(
        key=str(path),
        title=path.name,
        tokeniser=parts.tokeniser,
        train=parts.train,
        held_out=parts.held_out,
        characters=parts.characters,
        tokens=(len(parts.train), len(parts.held_out)),
        characters_per_token=parts.characters_per_token,
        source=path,
        sha256=parts.sha256,
    )


# --- the import, step by step


@dataclass(frozen=True, eq=False)
class Parts:
    """A file as tokens; the names mean what they mean in `TextData`."""

    tokeniser: Tokeniser
    train: NDArray[Any]
    held_out: NDArray[Any]
    characters: int
    characters_per_token: float
    sha256: str


def tokenised(
    path: Path, tokeniser: Tokenisation, vocabulary: int, shortest: int
) -> Generator[Progress, None, Parts]:
    """The tokens of the file at `path`, from the cache or made now; see `open_text`."""
    if tokeniser not in ("auto", "char", "byte", "bpe"):
        raise PlaygroundError(
            N_("there is no tokeniser {name!r}: there are auto, char, byte and bpe", name=tokeniser)
        )
    source = _Source(path)
    sha256 = yield from source.hash()
    name = f"{sha256[:40]}-{tokeniser}-{vocabulary}-{_RECIPE}"
    entry = cache.folder() / "tokens" / name
    parts = _read(entry, sha256)
    if parts is None:
        shutil.rmtree(entry, ignore_errors=True)
        survey = yield from _survey(source)
        survey.check(path, shortest)
        with cache.filled(entry) as place:
            cutter = yield from _tokeniser_for(source, survey, tokeniser, vocabulary)
            yield from _encode(source, survey, cutter, place)
            source.check_unchanged()
        parts = _read(entry, sha256)
        assert parts is not None, "the cache lost what was just written"
    elif parts.characters < shortest:
        raise _too_short(path, parts.characters, shortest)
    return parts


def _read(entry: Path, sha256: str) -> Parts | None:
    """The cache's `entry`, or None where there is none or it is damaged."""
    try:
        about = json.loads((entry / "about.json").read_text("utf-8"))
        tokeniser = tokeniser_from_json(about["tokeniser"])
        dtype = _dtype(tokeniser)
        return Parts(
            tokeniser,
            _array(entry / "train.bin", dtype, int(about["train"])),
            _array(entry / "held_out.bin", dtype, int(about["held_out"])),
            int(about["characters"]),
            float(about["characters_per_token"]),
            sha256,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _array(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if path.stat().st_size != count * dtype.itemsize:
        raise ValueError(f"{path.name} is not of {count} tokens")
    if count * dtype.itemsize <= _MAPPED_BYTES:
        array: NDArray[Any] = np.fromfile(path, dtype=dtype)
    else:
        # As a plain array: indexing a memmap proper makes a new memmap each time, which is slow.
        array = np.asarray(np.memmap(path, dtype=dtype, mode="r"))
    array.flags.writeable = False
    return array


def _dtype(tokeniser: Tokeniser) -> np.dtype[Any]:
    return np.min_scalar_type(tokeniser.size - 1)


class _Source:
    """The file at `path`, read in chunks, with the progress of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = time.perf_counter()
        try:
            self.size = wary.file_size(path)
            status = path.stat()
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except IsADirectoryError as error:
            raise PlaygroundError(
                N_("{path} is a folder: accepted is one text file", path=str(path))
            ) from error
        except OSError as error:
            raise self._unreadable(error) from error
        self._mark = (status.st_size, status.st_mtime_ns)
        if self.size == 0:
            raise _empty(path)
        self.encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
        if b"\0" in head and self.encoding.startswith("utf-8"):
            raise _binary(path)  # at once: to read the whole of a film takes long

    def progress(self, at: int, first: float, last: float, note: str) -> Progress:
        """`at` bytes are done of the part of the work that goes from `first` to `last`."""
        done = first + (last - first) * min(1.0, at / self.size)
        return Progress(at, time.perf_counter() - self._begun, done, note=note)

    def hash(self) -> Generator[Progress, None, str]:
        """SHA-256 of the file."""
        digest = hashlib.sha256()
        for content, at in self._bytes():
            digest.update(content)
            yield self.progress(at, 0.0, 0.1, N_("reading {name}", name=self.path.name))
        return digest.hexdigest()

    def texts(self) -> Iterator[tuple[str, int]]:
        """The text in pieces, all line ends as "\\n", and how many bytes have been read."""
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(self.encoding)(), translate=True
        )
        try:
            at = 0
            for content, at in self._bytes():
                yield decoder.decode(content), at
            yield decoder.decode(b"", final=True), at
        except UnicodeDecodeError as error:
            raise _not_unicode(self.path, self.encoding) from error

    def check_unchanged(self) -> None:
        """Raise `PlaygroundError` where somebody wrote to the file in the meantime."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._unreadable(error) from error
        if (status.st_size, status.st_mtime_ns) != self._mark:
            raise PlaygroundError(
                N_("{path} changed while it was read: open it again", path=str(self.path))
            )

    def _bytes(self) -> Iterator[tuple[bytes, int]]:
        try:
            with self.path.open("rb") as file:
                while content := file.read(_CHUNK_BYTES):
                    yield content, file.tell()
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> PlaygroundError:
        if isinstance(error, FileNotFoundError):
            return PlaygroundError(
                N_("there is no file {path}: accepted is a text file", path=str(self.path))
            )
        return PlaygroundError(
            N_(
                "{path} cannot be read ({error}): accepted is a text file that you may read",
                path=str(self.path),
                error=error.strerror or str(error),
            )
        )


@dataclass(frozen=True)
class _Survey:
    """What is in a text. alphabet: its characters; controls: how many are control characters."""

    characters: int
    alphabet: str
    controls: int

    def check(self, path: Path, shortest: int) -> None:
        """Raise `PlaygroundError` where this is no text, or too short a one."""
        if "\0" in self.alphabet or self.controls > 0.1 * self.characters:
            raise _binary(path)
        if not self.alphabet or self.alphabet.isspace():
            raise _empty(path)
        if self.characters < shortest:
            raise _too_short(path, self.characters, shortest)


def _survey(source: _Source) -> Generator[Progress, None, _Survey]:
    seen = np.zeros(0x110000, dtype=np.bool_)
    characters = controls = 0
    for text, at in source.texts():
        codes = code_points(text)
        seen[codes] = True
        characters += len(codes)
        low = np.bincount(np.minimum(codes, 32), minlength=33)
        controls += int(low[_CONTROLS].sum())
        yield source.progress(at, 0.1, 0.2, N_("looking at {name}", name=source.path.name))
        if seen[0]:
            break
    alphabet = "".join(chr(code) for code in np.flatnonzero(seen))
    return _Survey(characters, alphabet, controls)


def _tokeniser_for(
    source: _Source, survey: _Survey, wanted: Tokenisation, vocabulary: int
) -> Generator[Progress, None, Tokeniser]:
    if wanted == "auto":
        wanted = "char" if len(survey.alphabet) <= MOST_CHARACTERS else "bpe"
    if wanted == "char":
        return CharTokeniser(survey.alphabet)
    if wanted == "byte":
        return ByteTokeniser()
    sample: list[str] = []
    words = _Words()
    left = _train_length(survey.characters)
    share = min(1.0, _BPE_SAMPLE / left)
    for text, at in source.texts():
        text = text[:left]
        left -= len(text)
        for piece in words.add(text[: round(len(text) * share)]):
            sample.extend(_broken(piece))
        yield source.progress(at, 0.2, 0.25, N_("reading {name}", name=source.path.name))
        if not left:
            break
    sample.extend(_broken(words.finish()))
    note = N_("finding frequent pairs in {name}", name=source.path.name)
    training = BPETokeniser.trained(sample, vocabulary)
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        yield source.progress(0, 0.25, 0.3, note)


def _broken(piece: str) -> Iterator[str]:
    """`piece`, cut up where it has a word that is too long to be one."""
    step = _BPE_UNBROKEN if _LONG_WORD.search(piece) else max(1, len(piece))
    for first in range(0, len(piece), step):
        yield piece[first : first + step]


def _train_length(characters: int) -> int:
    return characters - characters // 10


def _encode(
    source: _Source, survey: _Survey, tokeniser: Tokeniser, place: Path
) -> Generator[Progress, None, None]:
    """Write the tokens of both parts, and what they are, into the folder `place`."""
    left = _train_length(survey.characters)
    window = survey.characters // 100
    note = N_("cutting {name} into tokens", name=source.path.name)
    first = 0.3 if tokeniser.kind == "bpe" else 0.2
    held_out_characters = 0
    with (place / "train.bin").open("wb") as train, (place / "held_out.bin").open("wb") as held_out:
        writers = [_Writer(tokeniser, file) for file in (train, held_out)]
        for text, at in source.texts():
            cut = min(left, len(text))
            if left and cut == left:
                cut = _next_document(text, cut, cut + window)
                left = 0
            else:
                left -= cut
            held_out_characters += len(text) - cut
            for writer, part in zip(writers, (text[:cut], text[cut:]), strict=True):
                for _ in writer.add(part):
                    yield source.progress(at, first, 0.99, note)
        for writer in writers:
            writer.finish()
    yield source.progress(source.size, first, 0.99, note)
    about = {
        "tokeniser": tokeniser.to_json(),
        "characters": survey.characters,
        "characters_per_token": held_out_characters / writers[1].count if writers[1].count else 1.0,
        "train": writers[0].count,
        "held_out": writers[1].count,
    }
    (place / "about.json").write_text(json.dumps(about, ensure_ascii=True), "utf-8")


def _next_document(text: str, start: int, end: int) -> int:
    """Where to cut near `start`: after an empty line before `end`, else after a line."""
    for mark in ("\n\n", "\n"):
        found = text.find(mark, max(0, start - len(mark)), end)
        if found >= 0:
            return found + len(mark)
    return start


class _Words:
    """Cuts a text that comes in chunks into pieces that byte pairs never reach over.

    Those are where white space follows a word, so the tokens of the pieces are the same
    as if the text had come at once.
    """

    def __init__(self) -> None:
        self._rest = ""

    def add(self, text: str) -> Iterator[str]:
        """Pieces of what has come so far; what may go on is kept back."""
        for first in range(0, len(text), _BPE_CHUNK):
            self._rest += text[first : first + _BPE_CHUNK]
            boundary = _LAST_BOUNDARY.match(self._rest)
            cut = boundary.end() if boundary else 0
            if not cut and len(self._rest) > 4 * _BPE_CHUNK:
                cut = len(self._rest)  # a text without spaces has to be cut somewhere
            yield self._rest[:cut]
            self._rest = self._rest[cut:]

    def finish(self) -> str:
        """What is left."""
        rest, self._rest = self._rest, ""
        return rest


class _Writer:
    """Writes one part of a text as tokens."""

    def __init__(self, tokeniser: Tokeniser, file: io.BufferedWriter) -> None:
        self.count = 0
        self._tokeniser = tokeniser
        self._file = file
        self._dtype = _dtype(tokeniser)
        self._words = _Words()

    def add(self, text: str) -> Iterator[None]:
        """Write `text`; yields at safe points."""
        pieces = self._words.add(text) if self._tokeniser.kind == "bpe" else (text,)
        for piece in pieces:
            self._write(piece)
            yield

    def finish(self) -> None:
        """Write what was kept back."""
        self._write(self._words.finish())

    def _write(self, text: str) -> None:
        ids = self._tokeniser.encode(text)
        self.count += len(ids)
        self._file.write(ids.astype(self._dtype).tobytes())


def decoded(path: Path, content: bytes) -> str:
    """The text of a file, of which `content` is all; raises `PlaygroundError` as `open_text`."""
    if not content:
        raise _empty(path)
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    if b"\0" in content and encoding == "utf-8":
        raise _binary(path)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_unicode(path, encoding) from error


# --- what can be wrong with a file


def _empty(path: Path) -> PlaygroundError:
    return PlaygroundError(
        N_("{path} is empty: accepted is a text of some thousand characters", path=str(path))
    )


def _binary(path: Path) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "{path} is not a text (it has bytes that no text has): accepted is plain text, "
            "for instance .txt, .md or .csv, saved as UTF-8",
            path=str(path),
        )
    )


def _too_short(path: Path, characters: int, shortest: int) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "{path} is too short: it has {characters} characters, and at least {shortest} "
            "are needed",
            path=str(path),
            characters=characters,
            shortest=shortest,
        )
    )


def _not_unicode(path: Path, encoding: str) -> PlaygroundError:
    """Why `path` does not decode: no text at all, or a text in an encoding that is guessed."""
    if encoding != "utf-8":
        return PlaygroundError(
            N_(
                "{path} begins like {encoding} and is not: save it as UTF-8",
                path=str(path),
                encoding=encoding.removesuffix("-sig").upper(),
            )
        )
    with path.open("rb") as file:
        sample = file.read(1 << 16)
        if b"\0" in sample or sum(byte in _CONTROLS for byte in sample[:4096]) > 400:
            return _binary(path)
        while sample.isascii() and (more := file.read(1 << 16)):
            sample = more
    # A cut through the middle of a character would spoil the guess: end with a whole line.
    guess = charset_normalizer.from_bytes(sample[: sample.rfind(b"\n") + 1] or sample).best()
    if guess is None or guess.encoding in ("utf_8", "ascii"):
        return PlaygroundError(
            N_("{path} is not in UTF-8, or is damaged: save it as UTF-8", path=str(path))
        )
    return PlaygroundError(
        N_(
            "{path} is not in UTF-8. It looks like {encoding}: save it as UTF-8",
            path=str(path),
            encoding=guess.encoding,
        )
    )
