"""The clients that the Nexus document prints ("Connection Detail"), in every language, against `modelport serve`.

They stand here as they are printed; address, key and picture are replaced, and nothing else but what the document's
page has lost of them: a backslash in Java, an `end` in Ruby, the function around C.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

pytestmark = pytest.mark.snippets

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "a-key-of-this-test"
START_SECONDS = 90
STOP_SECONDS = 60

CURL = """\
curl --request "POST" \\
--url "https://asia.inference.datature.io/aa351718-744e-4997-b051-346c3274bcbd/predict" \\
--header 'Authorization: Bearer YOUR_SECRET_KEY' \\
--header 'Content-Type: application/json; charset=utf-8' \\
--data '{ "data": "https://YOUR_IMAGE.jpg", "image_type": "url" }'
"""

PYTHON = """\
import requests
url = "https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict"
payload = {"image_type": "url", "data": "https://YOUR_IMAGE.jpg"}
headers = {
"accept": "application/json",
"content-type": "application/json",
"Authorization": "Bearer YOUR_SECRET_HASH"
}
response = requests.post(url, json=payload, headers=headers)
print(response.text)
"""

FETCH = """\
const options = {
method: "POST",
headers: {
Authorization: "Bearer YOUR_SECRET_HASH",
"Content-Type": "application/json; charset=utf-8",
},
body: JSON.stringify({
data: "https://YOUR_IMAGE.jpg",
image_type: "url",
}),
};
fetch("https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict", options)
.then((response) => response.json())
.then((response) => console.log(response))
.catch((err) => console.error(err));
"""

JAVA = """\
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.Scanner;
class Main {
public static void main(String[] args) throws IOException {
URL url = new URL("https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict");
HttpURLConnection httpConn = (HttpURLConnection) url.openConnection();
httpConn.setRequestMethod("POST");
httpConn.setRequestProperty("Authorization", "Bearer YOUR_SECRET_HASH");
httpConn.setRequestProperty("Content-Type", "application/json; charset=utf-8");
httpConn.setDoOutput(true);
OutputStreamWriter writer = new OutputStreamWriter(httpConn.getOutputStream());
writer.write("{ \\"data\\": \\"https://YOUR_IMAGE.jpg\\", \\"image_type\\": \\"url\\" }");
writer.flush();
writer.close();
httpConn.getOutputStream().close();
InputStream responseStream = httpConn.getResponseCode() / 100 == 2
? httpConn.getInputStream()
: httpConn.getErrorStream();
Scanner s = new Scanner(responseStream).useDelimiter("\\\\A");
String response = s.hasNext() ? s.next() : "";
System.out.println(response);
}
}
"""

GO = """\
package main
import (
"fmt"
"io/ioutil"
"log"
"net/http"
"strings"
)
func main() {
client := &http.Client{}
var data = strings.NewReader(`{ "data": "https://YOUR_IMAGE.jpg", "image_type": "url" }`)
req, err := http.NewRequest("POST", "https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict", data)
if err != nil {
log.Fatal(err)
}
req.Header.Set("Authorization", "Bearer YOUR_SECRET_HASH")
req.Header.Set("Content-Type", "application/json; charset=utf-8")
resp, err := client.Do(req)
if err != nil {
log.Fatal(err)
}
defer resp.Body.Close()
bodyText, err := ioutil.ReadAll(resp.Body)
if err != nil {
log.Fatal(err)
}
fmt.Printf("%s\\n", bodyText)
}
"""  # noqa: E501 as it is printed

R = """\
require(httr)
headers = c(
`Authorization` = 'Bearer YOUR_SECRET_HASH',
`Content-Type` = 'application/json; charset=utf-8'
)
data = '{ "data": "https://YOUR_IMAGE.jpg", "image_type": "url" }'
res <- httr::POST(url = 'https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict', httr::add_headers(.headers=headers), body = data)
content(res, "text")
"""  # noqa: E501 as it is printed

RUBY = """\
require 'net/http'
require 'json'
uri = URI('https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict')
req = Net::HTTP::Post.new(uri)
req.content_type = 'application/json; charset=utf-8'
req['Authorization'] = 'Bearer YOUR_SECRET_HASH'
req.body = {
'data' => 'https://YOUR_IMAGE.jpg',
'image_type' => 'url'
}.to_json
req_options = {
use_ssl: uri.scheme == "https"
}
res = Net::HTTP.start(uri.hostname, uri.port, req_options) do |http|
http.request(req)
end
puts res.read_body
"""

C = """\
#include <curl/curl.h>
int main(void) {
CURL *hnd = curl_easy_init();
curl_easy_setopt(hnd, CURLOPT_CUSTOMREQUEST, "POST");
curl_easy_setopt(hnd, CURLOPT_URL, "https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict");
struct curl_slist *headers = NULL;
headers = curl_slist_append(headers, "accept: application/json");
headers = curl_slist_append(headers, "content-type: application/json");
headers = curl_slist_append(headers, "Authorization: Bearer YOUR_SECRET_HASH");
curl_easy_setopt(hnd, CURLOPT_HTTPHEADER, headers);
curl_easy_setopt(hnd, CURLOPT_POSTFIELDS, "{ \\"data\\": \\"https://YOUR_IMAGE.jpg\\", \\"image_type\\": \\"url\\" }");
CURLcode ret = curl_easy_perform(hnd);
return ret;
}
"""


AXIOS = """\
const axios = require("axios");
axios
.post(
"https://<REGION>.inference.datature.io/75965b90-d29f-4981-8935-59ff53e1d35d/predict",
{
data: "https://YOUR_IMAGE.jpg",
image_type: "url",
},
{
headers: {
Authorization:
"Bearer YOUR_SECRET_HASH",
"Content-Type": "application/json; charset=utf-8",
},
}
)
.then((response) => console.log(response.data));
"""

CLIENTS = {
    "curl": (CURL, "bash ask.sh"),
    "Python": (PYTHON, "python ask.py"),
    "JavaScript's fetch": (FETCH, "node ask.js"),
    "axios": (AXIOS, "node ask.js"),
    "Java": (JAVA, "java Ask.java"),
    "Go": (GO, "go run ask.go"),
    "R": (R, "Rscript ask.R"),
    "Ruby": (RUBY, "ruby ask.rb"),
    "C": (C, "cc ask.c -o client -lcurl && ./client"),
}
"""What is printed, and the command that runs it."""


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample models and their pictures."""
    folder = tmp_path_factory.mktemp("detector") / "models"
    command = [sys.executable, EXAMPLES / "build_models.py", "--out", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def picture_url(models: Path) -> Iterator[str]:
    """Serve the rectangles' sample picture."""
    handler = functools.partial(QuietHandler, directory=str(models))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/pictures/rectangles.png"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def detector(models: Path, picture_url: str) -> Iterator[str]:
    """Serve the sample detector, which fetches pictures from there; its address."""
    folder = models.parent
    manifest = yaml.safe_load((EXAMPLES / "6-rectangles.yaml").read_text())
    manifest["spec"]["access"]["imageUrls"] = {"allow": [picture_url.split("/")[2]]}
    (folder / "detector.yaml").write_text(yaml.safe_dump(manifest))
    (folder / "keys").write_text(f"rectangles:default:{KEY}\n")
    command = [sys.executable, "-m", "modelport", "serve", folder / "detector.yaml", "--state-dir", folder / "state"]
    command += ["--keys", folder / "keys", "--port", "0", "--metrics-port", "0", "--allow-loopback-images"]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"^Serving .* on (\S+)$", (folder / "out").read_text(), re.MULTILINE)):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"modelport serve did not start:\n{(folder / 'err').read_text()[-4000:]}")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def confidences(models: Path, detector: str) -> list[float]:
    """How sure the detector is of what it finds in the same picture, sent in base64."""
    body = json.loads((models / "pictures" / "rectangles.json").read_text())
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = requests.post(f"{detector}/rectangles/predict", json=body, headers=headers, timeout=60).json()
    return [each["confidence"] for each in answer["predictions"]]


@pytest.mark.parametrize(("printed", "command"), CLIENTS.values(), ids=CLIENTS)
def test_the_documents_client_finds_what_is_there(
    run_snippet: Any, detector: str, picture_url: str, confidences: list[float], printed: str, command: str
) -> None:
    address = r"https://[^/]+\.inference\.datature\.io/[0-9a-f-]+/predict"
    code = re.sub(address, f"{detector}/rectangles/predict", printed)
    code = re.sub(r"YOUR_SECRET_(KEY|HASH)", KEY, code).replace("https://YOUR_IMAGE.jpg", picture_url)
    assert "YOUR" not in code
    assert "datature" not in code

    done = run_snippet(command, code)

    assert done.returncode == 0, done.stderr
    assert len(confidences) == 3
    # As JSON, as R quotes it, or as Node shows an object.
    assert [float(number) for number in re.findall(r"confidence\W+([\d.]+)", done.stdout)] == confidences
