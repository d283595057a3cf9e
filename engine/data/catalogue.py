"""The catalogue: what is there to learn from without a network, and how to get at it.

Everything comes out of packages that are installed anyway. A collection (names,
tunes, conversations, topics) is shuffled once with a fixed seed before it is
joined, so that the part held out is like the part learned from. The joined
text is kept in the cache.
"""

import dataclasses
import functools
import importlib.metadata
import importlib.util
import itertools
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from engine import music
from engine.data import cache
from engine.data.text import SHORTEST, VOCABULARY, TextData, Tokenisation, open_text, tokenised
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

Data: TypeAlias = TextData
Loading: TypeAlias = Generator[Progress, None, Data]
Documents: TypeAlias = Iterator[str | None]
"""The documents of a collection, and ``None`` at safe points in between."""

KINDS: tuple[Tokenisation, ...] = ("auto", "char", "byte", "bpe")
MARK = "::"  # between a name and the kind of its tokens

_SEED = 20_260_501
_RECIPE = 2  # raised when the same packages would give another text


@dataclass(frozen=True)
class DataSet:
    """One entry.

    load: ``load(tokeniser)`` yields `Progress` and returns the data, in tokens of that kind.
    """

    key: str
    title: Phrase
    summary: Phrase
    kind: str
    credit: Phrase
    load: Callable[[Tokenisation], Loading]


def find(key: str) -> DataSet:
    """The entry of that key. Raises `PlaygroundError` where there is none."""
    for entry in DATA:
        if entry.key == key:
            return entry
    raise PlaygroundError(
        N_(
            "there is no data set {key!r}: there are {known}, or give the path of a text file",
            key=key,
            known=", ".join(entry.key for entry in DATA),
        )
    )


def split_name(name: str) -> tuple[str, Tokenisation]:
    """A data set or file, and the kind of its tokens where the name says one.

    >>> split_name("names"), split_name("novel.txt::bpe")
    (('names', 'auto'), ('novel.txt', 'bpe'))
    """
    first, mark, last = name.rpartition(MARK)
    for kind in KINDS:
        if mark and last == kind:
            return first, kind
    return name, "auto"


def with_tokens(name: str, kind: str) -> str:
    """`name` with its tokens of that kind; the opposite of `split_name`."""
    bare = split_name(name)[0]
    return bare if kind == "auto" else f"{bare}{MARK}{kind}"


def load(name: str, vocabulary: int = VOCABULARY, shortest: int = SHORTEST) -> Loading:
    """Load the data set of that key, or else the text file of that path.

    The name may say the kind of tokens (see `split_name`), and the key of the data
    says it too. The other arguments are those of `open_text`, and only for files.
    """
    bare, tokeniser = split_name(name)
    if bare in {entry.key for entry in DATA}:
        data: TextData = yield from find(bare).load(tokeniser)
    else:
        path = Path(bare)
        if not (path.name != bare or path.suffix or path.is_file()):
            find(bare)
        data = yield from open_text(path, tokeniser, vocabulary, shortest)
    return dataclasses.replace(data, key=with_tokens(data.key, tokeniser))


def to_json(data: Data) -> dict[str, Any]:
    """What `data` is, without its bulk: enough to build a model and to sample from it."""
    return data.to_json()


def from_json(values: Mapping[str, Any]) -> Data:
    """What `to_json` wrote; raises `ValueError`, `TypeError` or `KeyError` where damaged."""
    if values["kind"] != "text":
        raise ValueError(f"there is no data of the kind {values['kind']!r}")
    return TextData.from_json(values)


# --- a collection of documents becomes a text


def _collection(
    key: str,
    version: Callable[[], str],
    documents: Callable[[], Documents],
    separator: str,
    tokeniser: Tokenisation,
) -> Loading:
    """Documents from `documents`, shuffled, each followed by `separator`, as data."""
    entry = find(key)
    place = cache.folder() / "texts" / f"{key}-{version()}-{_RECIPE}"
    path = place / f"{key}.txt"
    if not path.is_file():
        found = []
        for document in documents():
            if document is not None:
                found.append(document)
            else:
                yield Progress(len(found), 0.0, None, note=N_("reading {title}", title=entry.title))
        if not found:
            raise PlaygroundError(
                N_("the package that brings {title} came without it here", title=entry.title)
            )
        random.Random(_SEED).shuffle(found)
        with cache.filled(place) as folder:
            text = separator.join([*found, ""])
            (folder / path.name).write_bytes(text.encode())
    parts = yield from tokenised(path, tokeniser, VOCABULARY, SHORTEST)
    return TextData(
        key=key,
        title=entry.title,
        tokeniser=parts.tokeniser,
        train=parts.train,
        held_out=parts.held_out,
        characters=parts.characters,
        tokens=(len(parts.train), len(parts.held_out)),
        characters_per_token=parts.characters_per_token,
        separator=separator,
        credit=entry.credit,
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise _missing(package) from error


def _folder(package: str) -> Path:
    """Where `package` is installed; it is not imported, which for some takes seconds."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(package)
    return Path(next(iter(spec.submodule_search_locations)))


def _missing(package: str) -> PlaygroundError:
    return PlaygroundError(
        N_(
            "the package {package} is not installed: install it with pip, or choose another "
            "data set",
            package=package,
        )
    )


def _names() -> Documents:
    folder = _folder("names")
    found: set[str] = set()
    for file in ("dist.female.first", "dist.male.first", "dist.all.last"):
        lines = (folder / file).read_text("ascii").splitlines()
        found.update(line.split(maxsplit=1)[0].title() for line in lines)
        yield None
    yield from sorted(found)


def _tunes() -> Documents:
    folder = _folder("music21") / "corpus"
    found: set[str] = set()
    files = [*folder.glob("ryansMammoth/*.abc"), *folder.glob("oneills1850/*.abc")]
    for file in sorted(files):
        text = file.read_text("utf-8", errors="replace")
        # A block may hold several tunes: each begins with its number.
        found.update(
            tune for block in re.split(r"(?m)^(?=X:)", text) if (tune := music.plain_tune(block))
        )
        yield None
    yield from sorted(found)


def _conversations(language: str) -> Documents:
    """As blocks of lines that begin with Q: and A: in turn.

    Conversations that open alike stay together, so that no question that is held
    out was learned with another answer.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    by_opening: dict[str, list[str]] = defaultdict(list)
    for file in sorted((_folder("chatterbot_corpus") / "data" / language).glob("*.yml")):
        content = yaml.load(file.read_text("utf-8"), Loader=loader)
        for lines in content["conversations"]:
            said = [str(line).strip() for line in lines]
            if len(said) < 2 or any("\n" in line or not line for line in said):
                continue  # listings of programs, and questions without an answer
            who = itertools.cycle("QA")
            block = "\n".join(f"{next(who)}: {' '.join(line.split())}" for line in said)
            if block not in by_opening[said[0].lower()]:
                by_opening[said[0].lower()].append(block)
        yield None
    for opening in sorted(by_opening):
        yield "\n\n".join(by_opening[opening])


def _topics() -> Documents:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise PlaygroundError(
            N_("this Python came without its documentation topics: choose another data set")
        ) from error
    yield None
    for key in sorted(topics):
        yield topics[key].strip("\n")


DATA: tuple[DataSet, ...] = (
    DataSet(
        "names",
        N_("Names"),
        N_("First names and surnames from the United States census, one in a line."),
        "text",
        N_("package names by Trey Hunner (MIT), from the United States census of 1990"),
        functools.partial(_collection, "names", lambda: _version("names"), _names, "\n"),
    ),
    DataSet(
        "tunes",
        N_("Folk tunes"),
        N_("Irish and American fiddle tunes in ABC, a notation that can be heard."),
        "text",
        N_(
            "Ryan's Mammoth Collection (1883) and O'Neill's Music of Ireland (1850 tunes, 1903), "
            "transcribed to ABC by John Chambers, Ray Davies, Bob Safranek, Henrik Norbeck and "
            "many others; from the corpus of music21 (BSD)"
        ),
        functools.partial(_collection, "tunes", lambda: _version("music21"), _tunes, "\n\n"),
    ),
    DataSet(
        "conversations",
        N_("Conversations"),
        N_("Questions and answers in English."),
        "text",
        N_("chatterbot-corpus by Gunther Cox and contributors (BSD)"),
        functools.partial(
            _collection,
            "conversations",
            lambda: _version("chatterbot-corpus"),
            functools.partial(_conversations, "english"),
            "\n\n",
        ),
    ),
    DataSet(
        "conversations-zh",
        N_("Conversations in Chinese"),
        N_("Questions and answers in Chinese."),
        "text",
        N_("chatterbot-corpus by Gunther Cox and contributors (BSD)"),
        functools.partial(
            _collection,
            "conversations-zh",
            lambda: _version("chatterbot-corpus"),
            functools.partial(_conversations, "chinese"),
            "\n\n",
        ),
    ),
    DataSet(
        "python-docs",
        N_("Python documentation"),
        N_("What Python's own help says about the language, in English."),
        "text",
        N_("the Python Software Foundation (PSF licence)"),
        functools.partial(
            _collection,
            "python-docs",
            lambda: ".".join(str(part) for part in sys.version_info[:3]),
            _topics,
            "\n\n",
        ),
    ),
)
