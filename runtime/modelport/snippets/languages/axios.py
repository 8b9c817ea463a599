"""JavaScript with axios."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import Call
from modelport.snippets.language import Language
from modelport.snippets.languages.javascript import IMPORT, KEY, write_body, write_read
from modelport.snippets.template import fill

_PROGRAM = """\
«import»
import axios from "axios";

const url = «url»;
const headers = { "Content-Type": "application/json"«key» };

try {
  «read»
  const body = «body»;
  const response = await axios.post(url, body, { headers, responseType: "text", timeout: 60_000 });
  console.log(response.data);
} catch (error) {
  console.error(error.response?.data ?? String(error.cause ?? error.message));
  process.exitCode = 1;
}
"""


def program(call: Call) -> str:
    """Write the program."""
    return fill(
        _PROGRAM,
        **{"import": IMPORT if call.file else ""},
        url=strings.javascript(call.url),
        key=f', "x-api-key": {KEY}' if call.key_needed else "",
        body=write_body(call),
        read=write_read(call),
    )


LANGUAGE = Language("axios", needs="Node 18 and the package axios", run="node ask.mjs", program=program, comment="//")
