"""`python -m modelport.gateway.metrics` prints `docs/reference/metrics.md`."""

import sys

from modelport.gateway.metrics.page import build_page

if __name__ == "__main__":
    sys.stdout.write(build_page())
