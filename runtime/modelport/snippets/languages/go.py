"""Go with its standard library, as gofmt writes it."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import json_parts

_PROGRAM = """\
package main

import (
	«base64»
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const url = «url»

func main() {
	answer, err := ask()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(answer)
}

func ask() (string, error) {
	«file»
	body := «body»
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	«key»
	client := http.Client{Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", response.Status, answer)
	}
	return string(answer), nil
}
"""
_READ = """\
file, err := os.ReadFile(«path»)
if err != nil {
	return "", err
}
encoded := base64.StdEncoding.EncodeToString(file)"""


def program(call: Call) -> str:
    """Write the program."""
    return fill(
        _PROGRAM,
        base64='"encoding/base64"' if call.file else "",
        url=strings.go(call.url),
        file=fill(_READ, path=strings.go(call.file)) if call.file else "",
        body=" + encoded + ".join(map(raw, json_parts(call.body))),
        key=f'request.Header.Set("x-api-key", os.Getenv("{KEY_VARIABLE}"))' if call.key_needed else "",
    )


def raw(text: str) -> str:
    """Write a raw string literal, which has no escapes, unless the text holds its quote."""
    return strings.go(text) if "`" in text else f"`{text}`"


LANGUAGE = Language("go", needs="Go 1.16", run="go run ask.go", program=program, comment="//", aliases=("golang",))
