"""Tokenisers: text to whole numbers and back.

Three ways to cut a text: into characters, into the bytes of its UTF-8 form, or
into pieces that byte-pair encoding found to be frequent (Sennrich et al. 2016,
arXiv:1508.07909, on bytes as in GPT-2). Characters must have been seen before;
bytes and byte pairs can spell everything.
"""

import functools
import json
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from engine.phrases import N_, PlaygroundError

Kind: TypeAlias = Literal["char", "byte", "bpe"]
Ids: TypeAlias = Sequence[int] | NDArray[Any]

KNOWN_SHOWN = 120
POLL_SECONDS = 0.02
VOCABULARY_LOW, VOCABULARY_HIGH = 256, 65_536


class Tokeniser(Protocol):
    """What all tokenisers can do."""

    kind: ClassVar[Kind]

    @property
    def size(self) -> int:
        """How many tokens there are."""

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids (n,) in [0, size)."""

    def decode(self, ids: Ids) -> str:
        """The text that `ids` (n,) spell. What is not whole UTF-8 reads as U+FFFD."""

    def piece(self, id: int) -> str:
        """How one token reads; bytes that are no character by themselves as ``\\xNN``."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""


def code_points(text: str) -> NDArray[np.uint32]:
    """The Unicode code points of `text`: (characters,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def as_bytes(text: str) -> bytes:
    """`text` in UTF-8; half a surrogate pair, which is no character, becomes "?"."""
    return text.encode("utf-8", "replace")


class CharTokeniser:
    """One token for each character of a fixed alphabet, in the order of the code points."""

    kind: ClassVar[Kind] = "char"

    def __init__(self, characters: Iterable[str]) -> None:
        """`characters`: the alphabet, in any order."""
        self.characters = "".join(sorted(set(characters)))
        if not self.characters:
            raise ValueError("an alphabet needs at least one character")
        self._codes = code_points(self.characters)
        # A table over all code points up to the highest: one look-up for each character.
        self._ids = np.full(int(self._codes[-1]) + 2, -1, dtype=np.int32)
        self._ids[self._codes] = np.arange(len(self._codes))

    @property
    def size(self) -> int:
        """How many characters there are."""
        return len(self.characters)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids (n,). Raises `PlaygroundError` for characters that are not known."""
        codes = code_points(text)
        ids = self._ids[np.minimum(codes, len(self._ids) - 1)]
        if len(ids) and ids.min() < 0:
            raise self._unknown(codes[ids < 0])
        return ids.astype(np.int64)

    def decode(self, ids: Ids) -> str:
        """The characters of `ids` (n,)."""
        codes = self._codes[np.asarray(ids, dtype=np.int64)]
        return codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")

    def piece(self, id: int) -> str:
        """The character."""
        return self.characters[id]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"kind": self.kind, "characters": self.characters}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "CharTokeniser":
        """What `to_json` wrote. Raises `ValueError` or `KeyError` where that is damaged."""
        if not isinstance(values["characters"], str):
            raise ValueError("the characters are not a text")
        return cls(values["characters"])

    def _unknown(self, codes: NDArray[np.uint32]) -> PlaygroundError:
        found = [chr(code) for code in dict.fromkeys(codes.tolist())]
        known = "".join(shown(each) for each in self.characters[:KNOWN_SHOWN])
        if self.size > KNOWN_SHOWN:
            known += "…"
        return PlaygroundError(
            N_(
                "the text that was learned from has no {unknown}. The {count} characters it "
                "has are: {known}",
                unknown=", ".join(repr(each) for each in found[:10]),
                count=self.size,
                known=known,
            )
        )


class ByteTokeniser:
    """One token for each of the 256 bytes."""

    kind: ClassVar[Kind] = "byte"

    @property
    def size(self) -> int:
        """256."""
        return 256

    def encode(self, text: str) -> NDArray[np.int64]:
        """The bytes (n,) of the text in UTF-8."""
        return np.frombuffer(as_bytes(text), dtype=np.uint8).astype(np.int64)

    def decode(self, ids: Ids) -> str:
        """The text that the bytes `ids` (n,) spell."""
        values = np.asarray(ids, dtype=np.int64)
        if len(values) and not 0 <= values.min() <= values.max() < 256:
            raise IndexError("a byte is from 0 to 255")
        return values.astype(np.uint8).tobytes().decode("utf-8", "replace")

    def piece(self, id: int) -> str:
        """The ASCII character, or ``\\xNN``."""
        return spelled(bytes([id]))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ByteTokeniser":
        """What `to_json` wrote."""
        return cls()


class BPETokeniser:
    """Byte-pair encoding: the bytes, and the pairs of pieces that were merged, in order."""

    kind: ClassVar[Kind] = "bpe"

    def __init__(self, pieces: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        """`pieces`: tokens in the order of their ids; `merges`: pairs, first come first merged.

        Both spell bytes with the printable stand-ins of `_alphabet`. Raises `ValueError`
        where a merge is of pieces that are not there.
        """
        ids = {piece: id for id, piece in enumerate(pieces)}
        for first, second in merges:
            if not {first, second, first + second} <= ids.keys():
                raise ValueError(f"the merge of {first!r} and {second!r} is of no known pieces")
        if not _alphabet().keys() <= ids.keys():
            raise ValueError("not every byte has a token")
        self.pieces = tuple(pieces)
        self.merges = tuple((first, second) for first, second in merges)
        self._bytes = [bytes(_alphabet()[each] for each in piece) for piece in self.pieces]
        self._tokenizer = Tokenizer(BPE(vocab=ids, merges=list(self.merges)))
        self._tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)

    @classmethod
    def trained(cls, texts: Iterable[str], size: int) -> Generator[None, None, "BPETokeniser"]:
        """Find the pairs that are frequent in `texts`; yields while it works.

        size: tokens wanted, from 256; fewer come where the texts have too few pairs.
        """
        if not VOCABULARY_LOW <= size <= VOCABULARY_HIGH:
            raise PlaygroundError(
                N_(
                    "a vocabulary cannot have {size} tokens: accepted are {low} to {high}",
                    size=size,
                    low=VOCABULARY_LOW,
                    high=VOCABULARY_HIGH,
                )
            )
        found: list[Tokenizer] = []
        given = list(texts)

        def train() -> None:
            tokenizer = Tokenizer(BPE())
            tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
            trainer = BpeTrainer(
                vocab_size=size, show_progress=False, initial_alphabet=sorted(_alphabet())
            )
            tokenizer.train_from_iterator(given, trainer)
            found.append(tokenizer)

        # The trainer is one long call, so it runs beside the thread that must yield.
        thread = threading.Thread(target=train, name="byte pairs")
        thread.start()
        try:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                yield
        finally:
            thread.join()
        if not found:
            raise RuntimeError("the byte-pair trainer failed")
        return cls._of(found[0])

    @classmethod
    def _of(cls, tokenizer: Tokenizer) -> "BPETokeniser":
        model = json.loads(tokenizer.to_str())["model"]
        pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
        # Older versions of the library write a merge as one string with a space in it.
        pairs = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        return cls(pieces, [(first, second) for first, second in pairs])

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self.pieces)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids (n,)."""
        # The "fast" call leaves out the offsets, which would take ten times the memory.
        whole = as_bytes(text).decode("utf-8")
        ids = self._tokenizer.encode_batch_fast([whole])[0].ids
        return np.array(ids, dtype=np.int64)

    def decode(self, ids: Ids) -> str:
        """The text that `ids` (n,) spell."""
        spelling = b"".join([self._bytes[id] for id in np.asarray(ids, dtype=np.int64).tolist()])
        return spelling.decode("utf-8", "replace")

    def piece(self, id: int) -> str:
        """The piece, with ``\\xNN`` for bytes that are not a whole character."""
        return spelled(self._bytes[id])

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        merges = [list(merge) for merge in self.merges]
        return {"kind": self.kind, "pieces": list(self.pieces), "merges": merges}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "BPETokeniser":
        """What `to_json` wrote. Raises `ValueError` or `KeyError` where that is damaged."""
        return cls(values["pieces"], [(first, second) for first, second in values["merges"]])


def tokeniser_from_json(values: Mapping[str, Any]) -> Tokeniser:
    """The tokeniser that ``to_json`` wrote. Raises `ValueError` or `KeyError` where damaged."""
    match values["kind"]:
        case "char":
            return CharTokeniser.from_json(values)
        case "byte":
            return ByteTokeniser.from_json(values)
        case "bpe":
            return BPETokeniser.from_json(values)
    raise ValueError(f"there is no tokeniser {values['kind']!r}")


def shown(character: str) -> str:
    """A character as it can be read in a line."""
    if character == " ":
        return "␣"
    return character if character.isprintable() else repr(character)[1:-1]


def spelled(piece: bytes) -> str:
    """Bytes as they can be read: UTF-8 where it is whole, ``\\xNN`` where not.

    >>> spelled("né".encode()), spelled("é".encode()[:1]), spelled(b"a\\n")
    ('né', '\\\\xc3', 'a\\n')
    """
    text = piece.decode("utf-8", "backslashreplace")
    if text.isprintable() or len(text) > 1:
        return text
    return text if text in "\n\t" or ord(text) > 127 else f"\\x{ord(text):02x}"


@functools.cache
def _alphabet() -> dict[str, int]:
    """The printable character that stands for each byte, as in GPT-2."""
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others: Iterator[int] = (byte for byte in range(256) if byte not in plain)
    table = {chr(byte): byte for byte in plain}
    table |= {chr(256 + place): byte for place, byte in enumerate(others)}
    return table
