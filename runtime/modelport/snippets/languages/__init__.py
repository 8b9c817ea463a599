"""The languages in which snippets are written. One module each, and this table."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.snippets.language import Language
from modelport.snippets.languages import axios, c, curl, go, java, javascript, python, python_client, r, ruby

LANGUAGES: Mapping[str, Language] = {
    each.LANGUAGE.name: each.LANGUAGE for each in (curl, python, python_client, javascript, axios, java, go, r, ruby, c)
}
"""By the word for `--lang`."""

ALIASES: Mapping[str, str] = {alias: each.name for each in LANGUAGES.values() for alias in each.aliases}
"""Other words, and what they stand for."""
