"""The catalogues and the Chinese lessons against the code and the English ones."""

import ast
import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from types import ModuleType

import polib
import pytest

from app import i18n
from app.lesson import LESSONS, SECTION
from engine.phrases import N_

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "translations"
LANGUAGES = [language for language in i18n.languages() if language != i18n.ENGLISH]
TITLES = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)|“([^”]+)”")
ENGLISH_LESSONS = sorted(path.name for path in (LESSONS / "en").glob("*.md"))


def loaded(path: Path) -> ModuleType:
    """The script as a module; it has no suffix that Python would know."""
    loader = importlib.machinery.SourceFileLoader("translations", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = kept
    return module


script = loaded(SCRIPT)


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(i18n.CATALOGUES / language / "LC_MESSAGES" / "playground.po"))


def forms(entry: polib.POEntry) -> list[str]:
    """All that a sentence is translated to."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str) -> list[tuple[str, str, str]]:
    """(name, format, conversion) of each ``{}``, sorted: languages differ in their order."""
    return sorted(
        (name, form or "", conversion or "")
        for _words, name, form, conversion in Formatter().parse(text)
        if name is not None
    )


def sample_values(text: str) -> dict[str, object]:
    """Something to fill in: numbers where the format asks for one."""
    return {name: 3 if form else "x" for name, form, _conversion in placeholders(text)}


# The catalogue


def test_there_is_a_chinese_catalogue() -> None:
    assert "zh_CN" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_every_sentence_of_the_code_and_no_other(language: str) -> None:
    lacking, gone = script.differences(catalogue(language), script.marked_in())
    assert (lacking, gone) == (set(), set()), "run scripts/translations, and translate"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_and_none_is_unsure(language: str) -> None:
    entries = catalogue(language)
    assert [entry.msgid for entry in entries if not all(map(str.strip, forms(entry)))] == []
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []
    count = int(re.findall(r"nplurals=(\d+)", entries.metadata["Plural-Forms"])[0])
    assert [e.msgid for e in entries if e.msgid_plural and len(e.msgstr_plural) != count] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_placeholders_of_their_sentences(language: str) -> None:
    for entry in catalogue(language):
        for words in filter(None, forms(entry)):
            assert placeholders(words) == placeholders(entry.msgid), entry.msgid
            if placeholders(words):
                assert words.format(**sample_values(words)), entry.msgid


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_what_the_window_needs(language: str) -> None:
    """A menu's key, and the patterns of a file dialog."""
    for entry in catalogue(language):
        for words in filter(None, forms(entry)):
            assert words.count("&") == entry.msgid.count("&"), entry.msgid
            assert re.findall(r"\(\*\S*\)", words) == re.findall(r"\(\*\S*\)", entry.msgid)
            assert words == words.strip(), entry.msgid


def test_the_window_speaks_chinese() -> None:
    try:
        assert i18n.use("zh_CN") == "zh_CN"
        assert i18n._("Train") == "训练"
        assert i18n._(N_("seed {seed}", seed=7)) == "种子 7"
        assert i18n.ngettext("{n} day ago", "{n} days ago", 2).format(n=2) == "2 天前"
        # The same word alone and with a plural is one entry of the catalogue.
        assert i18n._("step") == i18n.ngettext("step", "steps", 5) == "步数"
    finally:
        i18n.use("en")


# The script


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A code of two files."""
    (tmp_path / "app").mkdir()
    (tmp_path / "engine").mkdir()
    (tmp_path / "app" / "one.py").write_text(
        'label(_("Train"))\n'
        'words = ngettext("{n} run", "{n} runs", n)\n'
        "other = _(whatever)\n"
        'not_marked = "No"\n'
    )
    (tmp_path / "engine" / "two.py").write_text(
        'N_("a {b} " "of two", b=N_("Inner"))\nN_("Train")\n'
    )
    return tmp_path


def test_marked_sentences_are_found_once_in_the_order_of_the_code(small: Path) -> None:
    assert [each.one for each in script.marked_in(small)] == [
        "Train",
        "{n} run",
        "a {b} of two",
        "Inner",
    ]
    train, run = script.marked_in(small)[:2]
    assert train == ("Train", "", ("app/one.py", "engine/two.py"))
    assert run.many == "{n} runs"


def test_an_update_keeps_translations_and_drops_what_is_gone(small: Path) -> None:
    before = polib.POFile()
    before.metadata = {"Language": "zh_CN"}
    for words, translated in (("Gone", "没"), ("Train", "训练")):
        before.append(polib.POEntry(msgid=words, msgstr=translated, tcomment=f"on {words}"))
    marked = script.marked_in(small)
    assert script.differences(before, marked) == (
        {"{n} run", "a {b} of two", "Inner"},
        {"Gone"},
    )
    after = script.updated(before, marked)
    assert script.differences(after, marked) == (set(), set())
    assert [entry.msgid for entry in after] == [each.one for each in marked]
    assert after[0].msgstr == "训练"
    assert after[0].tcomment == "on Train"
    assert after[1].msgstr_plural == {0: ""}
    assert after[2].flags == ["python-brace-format"]
    assert after.metadata == {"Language": "zh_CN"}
    assert f"{script.updated(after, marked)}" == f"{after}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_as_the_script_writes_it(language: str) -> None:
    path = i18n.CATALOGUES / language / "LC_MESSAGES" / "playground.po"
    text = path.read_text("utf-8")
    read = polib.pofile(str(path), wrapwidth=script.WIDTH)
    assert f"{script.updated(read, script.marked_in())}" == text
    assert str(ROOT) not in text
    assert "-Date" not in text


def test_check_says_that_all_is_well() -> None:
    command = [sys.executable, str(SCRIPT), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b0 of them untranslated", done.stdout)


# Lessons


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lesson_is_there_in_every_language(language: str) -> None:
    assert sorted(path.name for path in (LESSONS / language).glob("*.md")) == ENGLISH_LESSONS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ENGLISH_LESSONS)
def test_a_translated_lesson_has_the_sections_of_the_english_one(language: str, name: str) -> None:
    english = (LESSONS / "en" / name).read_text("utf-8")
    other = (LESSONS / language / name).read_text("utf-8")
    assert [found[:2] for found in SECTION.findall(other)] == [
        found[:2] for found in SECTION.findall(english)
    ]
    for part in (r"^#+ ", r"^\d\. ", r"^- "):
        counts = [len(re.findall(part, text, re.MULTILINE)) for text in (english, other)]
        assert counts[0] == counts[1], part
    papers = r"arXiv:[\d.]+"
    assert re.findall(papers, other) == re.findall(papers, english)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ENGLISH_LESSONS)
def test_what_a_lesson_says_to_press_is_called_so_in_the_window(language: str, name: str) -> None:
    """Words in italics or quotes in the experiments are titles: of knobs, presets, buttons..."""
    translated = {words for entry in catalogue(language) for words in forms(entry)}
    english = {entry.msgid for entry in catalogue(language)}
    for folder, known in (("en", english), (language, translated)):
        text = (LESSONS / folder / name).read_text("utf-8")
        experiments = "\n".join(re.findall(r"^\d\. .+$", text, re.MULTILINE))
        named = {one or other for one, other in TITLES.findall(experiments)}
        assert named
        assert named - known == set()


# Sentences that nobody has marked

SHOWING = {
    *("setText", "setToolTip", "setStatusTip", "setWhatsThis", "setTitle", "setWindowTitle"),
    *("setPlaceholderText", "setAccessibleName", "setAccessibleDescription", "setInformativeText"),
    *("setDetailedText", "setPrefix", "setSuffix", "setSpecialValueText", "setHeaderLabels"),
    *("setLabel", "setTabText", "setTabToolTip", "setItemText", "setFormat", "drawText"),
    *("addAction", "addMenu", "addTab", "insertTab", "addItem", "addItems", "addButton"),
    *("set_text", "set_caption", "read", "say", "show_estimate", "complain", "fail", "clear"),
    *("QLabel", "QPushButton", "QToolButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction"),
    *("QDockWidget", "QListWidgetItem", "QTableWidgetItem", "QTreeWidgetItem", "QMenu"),
    *("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"),
    *("information", "warning", "question", "critical"),
    *("IconButton", "Holder", "Readout", "Action", "Elided", "heading", "_plain", "_action"),
}
"""Calls whose strings a person sees."""

NOT_SHOWN = {
    "IconButton": {0},  # the name of the icon
    "setLabel": {0},  # the side of a plot
    "_plain": {2},  # a key
    "_action": {2, 4},  # keys
}
"""Positions of arguments that name something to the program."""

NOT_READ = {"role", "parent", "size", "color"}
"""Keywords that do so."""

ALLOWED = {
    ("app/window.py", " (Alt+"),  # the key reads the same in every language
}
"""(file, text) that needs no translation."""


def unmarked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of each literal with a word in it that is shown as it stands."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _name(call.func) in SHOWING:
            hidden = NOT_SHOWN.get(_name(call.func), set())
            shown = [each for place, each in enumerate(call.args) if place not in hidden]
            named = [each.value for each in call.keywords if each.arg not in NOT_READ]
            for text in _literals([*shown, *named]):
                if re.search(r"[^\W\d_]{2}", text):
                    yield call.lineno, text


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literals(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Strings in an expression that become its value; marked ones left out."""
    for node in nodes:
        match node:
            case ast.Constant(value=str() as text):
                yield text
            case ast.Call(func=ast.Attribute(value=template)):  # "...".format()
                yield from _literals([template])
            case ast.Call() | ast.Lambda() | ast.Subscript() | ast.Compare():
                pass
            case ast.IfExp(body=one, orelse=other):
                yield from _literals([one, other])
            case ast.FormattedValue(value=value):
                yield from _literals([value])
            case _:
                yield from _literals(list(ast.iter_child_nodes(node)))


def test_no_sentence_of_the_app_is_shown_unmarked() -> None:
    found = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for line, text in unmarked(ast.parse(path.read_text("utf-8"))):
            if (name, text) not in ALLOWED:
                found.append(f"{name}:{line}: {text!r}")
    assert found == [], "mark these with _()"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('label.setText("Some words")', ["Some words"]),
        ('QLabel(f"{n} words")', [" words"]),
        ('button.setText("Pause" if on else _("Train"))', ["Pause"]),
        ('strip.say("Opened {path}".format(path=path))', ["Opened {path}"]),
        ('strip.say(f"{_(title)}: " + "words")', ["words"]),
        ('IconButton("play", "Play", tip="Plays it", role="flat")', ["Play", "Plays it"]),
        ('label.setText(_("Some words"))', []),
        ('label.setText(f"{_(title)} · {value}")', []),
        ('label.setText("–")', []),
        ('label.setText(names["first"])', []),
        ('plot.setLabel("left", _("loss"))', []),
        ('label.setObjectName("lesson")', []),
    ],
)
def test_unmarked_sentences_are_recognised(code: str, found: list[str]) -> None:
    assert [text for _line, text in unmarked(ast.parse(code))] == found
