"""C with libcurl, on any POSIX system."""

from __future__ import annotations

from modelport.snippets import strings
from modelport.snippets.call import KEY_VARIABLE, Call
from modelport.snippets.language import Language
from modelport.snippets.template import fill
from modelport.snippets.values import JSON_ASCII, json_parts

_PROGRAM = """\
#define _POSIX_C_SOURCE 200809L

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char url[] = «url»;

«base64»
int main(void) {
  «body»

  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  «key»
  char *answer = NULL;
  size_t answer_size = 0;
  FILE *received = open_memstream(&answer, &answer_size);
  CURL *curl = curl_easy_init();
  if (!received || !curl) return EXIT_FAILURE;
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, received);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  CURLcode code = curl_easy_perform(curl);
  fclose(received);
  if (code != CURLE_OK) {
    fprintf(stderr, "%s\\n", curl_easy_strerror(code));
    return EXIT_FAILURE;
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  fprintf(status == 200 ? stdout : stderr, "%s\\n", answer);
  return status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}
"""
_KEY = """\
const char *key = getenv("«variable»");
char key_header[1024];
snprintf(key_header, sizeof key_header, "x-api-key: %s", key ? key : "");
headers = curl_slist_append(headers, key_header);"""
_BASE64 = """\
static void write_base64(FILE *in, FILE *out) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  unsigned char three[3];
  size_t count;
  while ((count = fread(three, 1, 3, in)) > 0) {
    unsigned bits = three[0] << 16 | (count > 1 ? three[1] << 8 : 0) | (count > 2 ? three[2] : 0);
    putc(alphabet[bits >> 18], out);
    putc(alphabet[bits >> 12 & 63], out);
    putc(count > 1 ? alphabet[bits >> 6 & 63] : '=', out);
    putc(count > 2 ? alphabet[bits & 63] : '=', out);
  }
}
"""
_READ = """\
char *body = NULL;
size_t body_size = 0;
FILE *text = open_memstream(&body, &body_size);
FILE *file = fopen(«path», "rb");
if (!text || !file) {
  perror(«path»);
  return EXIT_FAILURE;
}
fputs(
  «before»,
  text
);
write_base64(file, text);
fputs(
  «after»,
  text
);
fclose(text);
fclose(file);"""


def program(call: Call) -> str:
    """Write the program."""
    parts = [_literals(part) for part in json_parts(call.body, JSON_ASCII)]
    if call.file:
        body = fill(_READ, path=strings.c(call.file), before=parts[0], after=parts[1])
    else:
        body = fill("static const char body[] =\n  «text»;", text=parts[0])
    return fill(
        _PROGRAM,
        url=strings.c(call.url),
        base64=_BASE64 if call.file else "",
        body=body,
        key=fill(_KEY, variable=KEY_VARIABLE) if call.key_needed else "",
    )


def _literals(text: str) -> str:
    """Write one literal for each line; the compiler joins them."""
    return "\n".join(map(strings.c, text.splitlines()))


LANGUAGE = Language(
    "c", needs="libcurl's headers", run="cc ask.c -o ask -lcurl && ./ask", program=program, comment="//"
)
