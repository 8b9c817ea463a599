"""schemathesis over the gateway's own `/openapi.json`: what is served is what is documented, for good and bad input.

Every operation is called with values that fit its schema and with values that do not, with missing and doubled headers,
without a key and with other methods. No answer may be a 5xx, and each has a documented status, type, headers and body.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = 4
"""Of random requests for each operation, beside those that schemathesis derives from the document."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "keys_are_asked_for",
    "errors_show_no_internals",
)


def build_config(keys: dict[str, str]) -> str:
    """Return a schemathesis.toml that sends each model's own key to its addresses, and some key everywhere else."""
    hooks = Path(__file__).with_name("schemathesis_hooks.py")
    lines = [
        f"hooks = {json.dumps(str(hooks))}",
        f"headers = {{ x-api-key = {json.dumps(next(iter(keys.values())))} }}",
        'warnings = { fail-on = ["missing_auth"] }',  # a wrong key would let everything pass as a documented 401
    ]
    for model, key in keys.items():
        lines += [
            "[[operations]]",
            f"include-path-regex = {json.dumps(f'/{model}(/|:|$)')}",
            f"headers = {{ x-api-key = {json.dumps(key)} }}",
        ]
    return "\n".join(lines)


@pytest.mark.timeout(600)
def test_every_answer_is_a_documented_one(served, tmp_path):
    config, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
    config.write_text(build_config(served.keys))
    config.chmod(0o600)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    command += ["run", f"{served.url}/openapi.json", "--no-color", "--phases", "examples,coverage,fuzzing"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES), "--continue-on-failure"]
    command += ["--generation-deterministic", "--generation-with-security-parameters", "false"]
    command += ["--request-timeout", "30", "--report", "json", "--report-json-path", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert result["operations"]["tested"] == result["operations"]["total"] > 0
    assert result["test_cases"]["generated"] > EXAMPLES
