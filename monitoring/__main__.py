"""Print a dashboard's JSON: `python -m monitoring fleet`."""

from __future__ import annotations

import argparse
import json
import sys

from monitoring import fleet, model

DASHBOARDS = {"fleet": fleet.DASHBOARD, "model": model.DASHBOARD}

parser = argparse.ArgumentParser(prog="python -m monitoring", description=__doc__)
parser.add_argument("dashboard", choices=DASHBOARDS)
json.dump(DASHBOARDS[parser.parse_args().dashboard].build(), sys.stdout, indent=2, ensure_ascii=False)
sys.stdout.write("\n")
