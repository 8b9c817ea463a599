"""JavaScript with `fetch`, in Node or a browser; what `axios` shares with it."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import JSON, Notation, json_parts, scalars, write

EXACT = 2**53
"""JavaScript's numbers hold every integer up to this one."""


def _name(text: str) -> str:
    """Write a member's name: a plain `__proto__` would set the object's prototype."""
    return '["__proto__"]' if text == "__proto__" else strings.javascript(text)


NOTATION = Notation(strings.javascript, file="encoded", name=_name)

_PROGRAM = """\
«import»
const url = «url»;

// This function works in browsers too.
async function ask(«arguments») {
  const headers = { "Content-Type": "application/json"«key» };
  const body = «body»;
  const signal = AbortSignal.timeout(60_000);
  const response = await fetch(url, { method: "POST", headers, body, signal });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${answer}`);
  return answer;
}

try {
  «read»
  console.log(await ask(«values»));
} catch (error) {
  console.error(String(error.cause ?? error.message));
  process.exitCode = 1;
}
"""
IMPORT = 'import { readFile } from "node:fs/promises";'
KEY = f'process.env.{KEY_VARIABLE} ?? ""'


def write_body(call: Call) -> str:
    """Write the expression of a request's body, a text: of values, or as JSON if the language cannot hold them."""
    numbers = (each for each in scalars(call.body) if isinstance(each, int))
    if all(abs(number) <= EXACT for number in numbers):
        return f"JSON.stringify({write(call.body, NOTATION)})"
    return " + encoded + ".join(map(strings.javascript, json_parts(call.body, JSON, lines=False)))


def write_read(call: Call) -> str:
    """Write the line that reads the file, if there is one."""
    return f'const encoded = await readFile({strings.javascript(call.file)}, "base64");' if call.file else ""


def program(call: Call) -> str:
    """Write the program."""
    given = {"key": KEY} if call.key_needed else {}
    given |= {"encoded": "encoded"} if call.file else {}
    return fill(
        _PROGRAM,
        **{"import": f"{IMPORT}\n" if call.file else ""},
        url=strings.javascript(call.url),
        arguments=", ".join(given),
        key=', "x-api-key": key' if call.key_needed else "",
        body=write_body(call),
        read=write_read(call),
        values=", ".join(given.values()),
    )


LANGUAGE = Language(
    "javascript", needs="Node 18", run="node ask.mjs", program=program, comment="//", aliases=("js", "fetch", "node")
)
