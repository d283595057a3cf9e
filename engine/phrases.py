"""Sentences that a person may read, kept apart from the language they are read in.

The engine speaks English and knows no catalogue. ``N_`` marks a sentence for
translation and, where it carries values, keeps template and values apart, so
that a window can translate the template and fill it in afterwards.
"""

from collections.abc import Mapping
from typing import Any


class Phrase(str):
    """An English sentence that remembers its template and values.

    >>> phrase = N_("stopped at step {step}", step=12)
    >>> str(phrase), phrase.template, phrase.values
    ('stopped at step 12', 'stopped at step {step}', {'step': 12})
    """

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any]) -> "Phrase":
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template = template
        self.values = values
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Phrase, (self.template, dict(self.values)))


def N_(template: str, **values: Any) -> Phrase:  # noqa: N802 - gettext's own name for it
    """Mark `template` for translation; `values` fill its ``{names}``."""
    return Phrase(template, values)


class PlaygroundError(Exception):
    """Something the person can mend: says what is wrong and what would be accepted."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase)
        self.phrase = phrase
