"""R with httr and jsonlite."""

from __future__ import annotations

from typing import Any

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import JSON_ASCII, Notation, json_parts, scalars, write

NOTATION = Notation(
    strings.r,
    file="encoded",
    list=("list(", ")"),
    object=("list(", ")"),
    pair=" = ",
    true="TRUE",
    false="FALSE",
    null="NULL",
    integer=lambda number: f"{number}L",
    empty_object="structure(list(), names = character())",
)

_PROGRAM = """\
library(httr)

url <- «url»

«file»
body <- «body»
response <- POST(url, content_type_json(), «key»timeout(60), body = body)
answer <- content(response, "text", encoding = "UTF-8")
if (status_code(response) != 200) {
  message(status_code(response), " ", answer)
  quit(status = 1)
}
cat(answer, "\\n", sep = "")
"""
_TO_JSON = """\
jsonlite::toJSON(
  «value»,
  auto_unbox = TRUE, digits = NA, always_decimal = TRUE, null = "null"
)"""

_LARGEST = 2**31 - 1
"""Of R's integers; the one below the least stands for a missing value."""


def program(call: Call) -> str:
    """Write the program."""
    return fill(
        _PROGRAM,
        url=strings.r(call.url),
        file=_read(call.file) if call.file else "",
        body=_body(call.body),
        key=f'add_headers("x-api-key" = Sys.getenv("{KEY_VARIABLE}")), ' if call.key_needed else "",
    )


def _read(file: str) -> str:
    path = strings.r(file)
    return f'encoded <- openssl::base64_encode(readBin({path}, "raw", file.size({path})))'


def _body(body: Any) -> str:
    if all(map(_exact, scalars(body))):
        return fill(_TO_JSON, value=write(body, NOTATION))
    texts = map(strings.r, json_parts(body, JSON_ASCII, lines=False))
    return f"paste0({', encoded, '.join(texts)})"


def _exact(value: Any) -> bool:
    """Whether R and jsonlite hold a value as it is: they have 15 digits, short integers, and no NUL nor empty name."""
    match value:
        case str():
            return value != "" and "\0" not in value
        case bool():
            return True
        case int():
            return abs(value) <= _LARGEST
        case float():
            return float(f"{value:.15g}") == value
        case _:
            return True


LANGUAGE = Language("r", needs="the packages httr and jsonlite", run="Rscript ask.R", program=program)
