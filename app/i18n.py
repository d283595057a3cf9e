"""The language a person reads.

``_("Train")`` and ``_(phrase)`` give a sentence in the language in use, and the
English one where no catalogue has it. Catalogues are plain text
(``assets/translations/<language>/LC_MESSAGES/playground.po``), read at the start
without a compiled copy beside them, so that editing one is enough.
"""

import gettext
import io
from pathlib import Path

import polib
from PySide6.QtCore import QLocale

from engine.phrases import Phrase

CATALOGUES = Path(__file__).resolve().parent.parent / "assets" / "translations"
SYSTEM = "system"
ENGLISH = "en"

_catalogue = gettext.NullTranslations()


def languages(catalogues: Path = CATALOGUES) -> tuple[str, ...]:
    """The languages there are, English first: ``("en", "zh_CN")``."""
    found = sorted(path.parent.parent.name for path in catalogues.glob("*/LC_MESSAGES/*.po"))
    return (ENGLISH, *(each for each in found if each != ENGLISH))


def use(language: str = SYSTEM, catalogues: Path = CATALOGUES) -> str:
    """Speak `language` from now on and return what it came to.

    `language` is ``"system"`` (the first of the system's languages that there is)
    or a name such as ``"zh_CN"``; a region that is missing falls back to another
    region of the same language, a language that is missing to English.
    """
    global _catalogue
    wanted = QLocale.system().uiLanguages() if language == SYSTEM else [language]
    chosen = _best(wanted, languages(catalogues))
    path = catalogues / chosen / "LC_MESSAGES" / "playground.po"
    if path.exists():
        _catalogue = gettext.GNUTranslations(io.BytesIO(polib.pofile(str(path)).to_binary()))
    else:
        _catalogue = gettext.NullTranslations()
    return chosen


def _best(wanted: list[str], known: tuple[str, ...]) -> str:
    """The first of `wanted` that is `known`, by name or else by language alone."""
    for each in wanted:
        name = each.replace("-", "_")
        if name in known:
            return name
        language = name.partition("_")[0]
        same = [other for other in known if other.partition("_")[0] == language]
        if same:
            return same[0]
    return ENGLISH


def _(text: str) -> str:
    """`text` in the language in use; a `Phrase` is translated first and filled in after."""
    if isinstance(text, Phrase):
        template = _catalogue.gettext(text.template) if text.template else ""
        if not text.values:
            return template
        values = {
            # A title inside a sentence may have been through a file, and be plain text by now.
            name: _(value) if isinstance(value, str) else value
            for name, value in text.values.items()
        }
        return template.format(**values)
    return _catalogue.gettext(text) if text else ""


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a sentence that goes with `number`, not yet filled in."""
    return _catalogue.ngettext(one, many, number)
