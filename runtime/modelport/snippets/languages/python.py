"""Python with requests."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import Notation, write

NOTATION = Notation(strings.python, file="encoded", true="True", false="False", null="None")

_PROGRAM = """\
«base64»
«os»
import sys
«pathlib»

import requests

URL = «url»
«headers»

«file»
body = «body»
response = requests.post(URL, json=body, «sent»timeout=60)
if response.status_code != 200:
    sys.exit(f"{response.status_code} {response.text}")
print(response.text)
"""


def program(call: Call) -> str:
    """Write the program."""
    read = f"encoded = base64.b64encode(Path({strings.python(call.file)}).read_bytes()).decode()" if call.file else ""
    headers = f'HEADERS = {{"x-api-key": os.environ.get("{KEY_VARIABLE}", "")}}' if call.key_needed else ""
    return fill(
        _PROGRAM,
        base64="import base64" if call.file else "",
        os="import os" if call.key_needed else "",
        pathlib="from pathlib import Path" if call.file else "",
        url=strings.python(call.url),
        headers=headers,
        file=read,
        body=write(call.body, NOTATION),
        sent="headers=HEADERS, " if call.key_needed else "",
    )


LANGUAGE = Language("python", needs="the package requests", run="python ask.py", program=program, aliases=("py",))
