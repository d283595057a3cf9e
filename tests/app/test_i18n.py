"""The language in use: translation of plain sentences, phrases and plurals."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale

from app import i18n
from engine.phrases import N_

CHINESE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Train"
msgstr "训练"

msgid "stopped at step {step}: {reason}"
msgstr "{reason}，停在第 {step} 步"

msgid "no memory left"
msgstr "内存不足"

msgid "{count} run"
msgid_plural "{count} runs"
msgstr[0] "{count} 次运行"

#, fuzzy
msgid "Pause"
msgstr "错"
"""


@pytest.fixture
def catalogues(tmp_path: Path) -> Iterator[Path]:
    for language in ("zh_CN", "de"):
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "playground.po").write_text(CHINESE, encoding="utf-8")
    yield tmp_path
    i18n.use("en")


def test_without_a_catalogue_english_is_spoken(tmp_path: Path) -> None:
    assert i18n.use("zh_CN", tmp_path) == "en"
    assert i18n._("Train") == "Train"
    assert i18n._(N_("step {step}", step=3)) == "step 3"
    assert i18n.ngettext("{n} run", "{n} runs", 2) == "{n} runs"


def test_sentences_phrases_and_plurals_are_translated(catalogues: Path) -> None:
    assert i18n.use("zh_CN", catalogues) == "zh_CN"
    assert i18n._("Train") == "训练"
    phrase = N_("stopped at step {step}: {reason}", step=12, reason=N_("no memory left"))
    assert i18n._(phrase) == "内存不足，停在第 12 步"
    assert i18n.ngettext("{count} run", "{count} runs", 1).format(count=1) == "1 次运行"


def test_what_is_missing_unsure_or_empty_stays_as_it_is(catalogues: Path) -> None:
    i18n.use("zh_CN", catalogues)
    assert i18n._("Reset") == "Reset"
    assert i18n._("Pause") == "Pause"
    assert i18n._("") == ""
    assert i18n._(N_("")) == ""


def test_braces_in_a_sentence_without_values_are_kept() -> None:
    assert i18n._(N_("a {b} c")) == "a {b} c"


def test_languages_are_listed_english_first(catalogues: Path) -> None:
    assert i18n.languages(catalogues) == ("en", "de", "zh_CN")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("zh_CN", "zh_CN"), ("zh-Hans-SG", "zh_CN"), ("fr", "en"), ("en_GB", "en"), ("C", "en")],
)
def test_the_nearest_language_is_chosen(catalogues: Path, wanted: str, chosen: str) -> None:
    assert i18n.use(wanted, catalogues) == chosen


def test_the_system_language_is_the_first_one_that_there_is(
    catalogues: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QLocale, "uiLanguages", lambda _locale: ["fr-FR", "de-AT", "zh-CN"])
    assert i18n.use("system", catalogues) == "de"
