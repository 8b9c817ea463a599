"""Java with java.net.http, in one file that `java` runs."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import JSON_ASCII, json_parts

_PROGRAM = """\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
«nio»
import java.time.Duration;
«base64»

class Ask {
    static final String URL = «url»;

    public static void main(String[] arguments) throws Exception {
        «file»
        String body = «body»;
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL))
            .version(HttpClient.Version.HTTP_1_1)
            .timeout(Duration.ofSeconds(60))
            .header("Content-Type", "application/json")
            «key»
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<byte[]> response =
            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200) {
            System.err.writeBytes(response.body());
            System.exit(1);
        }
        System.out.writeBytes(response.body());
        System.out.println();
    }
}
"""

LONGEST = 60_000
"""Characters of a literal: a class file has 65,535 bytes for a constant (JVMS, 4.4.7)."""


def program(call: Call) -> str:
    """Write the program."""
    path = strings.java(call.file) if call.file else ""
    return fill(
        _PROGRAM,
        nio="import java.nio.file.Files;\nimport java.nio.file.Path;" if path else "",
        base64="import java.util.Base64;" if path else "",
        url=strings.java(call.url),
        file=f"String encoded = Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of({path})));"
        if path
        else "",
        body=_body(call),
        key=f'.header("x-api-key", System.getenv().getOrDefault("{KEY_VARIABLE}", ""))' if call.key_needed else "",
    )


def _body(call: Call) -> str:
    parts = json_parts(call.body, JSON_ASCII)
    if not call.file:
        return text_block(parts[0])
    return text_block("%s".join(part.replace("%", "%%") for part in parts)) + ".formatted(encoded)"


def text_block(text: str) -> str:
    """Write JSON of ASCII as a text block (JLS, 3.10.6), several that are joined where it is too long for one.

    The compiler takes the indentation off again and all spaces at the ends of lines, of which JSON has none.
    """
    blocks = []
    while text:
        blocks.append(text[:LONGEST])
        text = text[LONGEST:]
    written = [f'"""\n{_escaped(block)}"""' for block in blocks]
    return written[0] if len(written) == 1 else ",\n".join(('String.join(""', *written)) + ")"


def _escaped(block: str) -> str:
    r"""Escape backslashes, quotes that would end the block, and a space at its begin or end, as `\s`."""
    block = block.replace("\\", r"\\").replace('"""', r"\"\"\"")
    if block.startswith(" "):
        block = rf"\s{block[1:]}"
    if block.endswith((" ", '"')):
        block = block[:-1] + {" ": r"\s", '"': r"\""}[block[-1]]
    return block


LANGUAGE = Language("java", needs="Java 17", run="java Ask.java", program=program, comment="//")
