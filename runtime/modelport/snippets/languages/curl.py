"""The command line's curl, in bash. The body goes by standard input, since arguments are limited in length."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import json_parts

_PROGRAM = r"""set -euo pipefail

«file»
body=«body»

answer=$(curl --silent --show-error --fail-with-body --globoff --max-time 60 \
  «key»
  --header 'Content-Type: application/json' \
  --data-binary @- «url» <<< "$body") || {
  printf '%s\n' "$answer" >&2
  exit 1
}
printf '%s\n' "$answer"
"""


def program(call: Call) -> str:
    """Write the script."""
    return fill(
        _PROGRAM,
        file=f"encoded=$(base64 < {strings.shell(call.file)} | tr -d '\\n')" if call.file else "",
        body='"$encoded"'.join(map(strings.shell, json_parts(call.body))),
        key=f'--header "x-api-key: ${KEY_VARIABLE}" \\' if call.key_needed else "",
        url=strings.shell(call.url),
    )


LANGUAGE = Language("curl", needs="bash and curl 7.76", run="bash ask.sh", program=program, aliases=("bash", "sh"))
