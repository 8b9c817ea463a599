"""The JSON of Grafana's dashboards: what is common to all panels, and where each is placed.

Written for schema version 39 (Grafana 11, read by later ones):
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39
PLUGIN_VERSION: Final = "11.0.0"
COLUMNS: Final = 24
"""Of Grafana's grid."""
TAG: Final = "modelport"
DATASOURCE: Final[Mapping[str, str]] = {"type": "prometheus", "uid": "${datasource}"}

_SOURCE: Final[Json] = {
    "type": "datasource",
    "name": "datasource",
    "label": "Prometheus",
    "query": "prometheus",
    "refresh": 1,
    "hide": 0,
    "multi": False,
    "includeAll": False,
    "options": [],
    "current": {"text": "", "value": ""},  # Grafana takes its first Prometheus
}
"""The reader's choice of a Prometheus; all else is asked of it."""

_LINKS: Final[Json] = {
    "type": "dashboards",
    "title": "Modelport",
    "tags": [TAG],
    "asDropdown": False,
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}
"""From each dashboard to the others."""


class Kind(Enum):
    """How a panel draws, by the name of Grafana's plugin."""

    STAT = "stat"
    TIME_SERIES = "timeseries"
    BAR_GAUGE = "bargauge"
    TABLE = "table"
    TIMELINE = "state-timeline"


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus."""

    expr: str
    """PromQL, with Grafana's variables."""
    legend: str = ""
    """Name of a series, with its labels as `{{label}}`; in a table, the column's title."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One rectangle of a dashboard."""

    title: str
    kind: Kind
    queries: Sequence[Query]
    unit: str = "short"
    """Grafana's name of a unit, such as `reqps`, `s`, `bytes`, `percentunit`."""
    about: str = ""
    """What the reader should know; shown at the panel's corner."""
    width: int = 8
    """In columns of 24."""
    height: int = 7
    """In Grafana's units, of 30 pixels and a gap each."""
    stacked: bool = False
    maximum: float | None = None
    """Of the axis; the lower end is always 0."""
    steps: Sequence[tuple[float | None, str]] = ((None, "green"),)
    """From which value on which colour; the first begins at None."""
    words: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Values that are shown as a word, each in a colour."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Unit of each column of a table, by its title."""

    def build(self, number: int, place: Mapping[str, int]) -> Json:
        """Return the panel's JSON, with its id and its place on the grid."""
        instant = self.kind in (Kind.STAT, Kind.BAR_GAUGE, Kind.TABLE)
        targets = [
            _build_target(query, chr(ord("A") + at), self.kind, instant) for at, query in enumerate(self.queries)
        ]
        return {
            "id": number,
            "type": self.kind.value,
            "title": self.title,
            "description": self.about,
            "pluginVersion": PLUGIN_VERSION,
            "datasource": dict(DATASOURCE),
            "gridPos": dict(place),
            "targets": targets,
            "fieldConfig": {"defaults": self._build_defaults(), "overrides": self._build_overrides()},
            "options": _OPTIONS[self.kind],
            "transformations": self._build_transformations(),
        }

    def _build_defaults(self) -> Json:
        steps = [{"value": value, "color": color} for value, color in self.steps]
        words = {str(value): {"text": text, "color": color} for value, (text, color) in self.words.items()}
        defaults: Json = {
            "unit": self.unit,
            "min": 0,
            "color": {"mode": "palette-classic" if self.kind is Kind.TIME_SERIES else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": [{"type": "value", "options": words}] if words else [],
            "custom": {},
        }
        if self.maximum is not None:
            defaults["max"] = self.maximum
        if self.kind is Kind.TIME_SERIES:
            mode = "normal" if self.stacked else "none"
            fill = 30 if self.stacked else 8
            defaults["custom"] = {"fillOpacity": fill, "showPoints": "never", "stacking": {"mode": mode, "group": "A"}}
        if self.kind is Kind.TIMELINE:
            defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
        if self.kind is Kind.TABLE:
            defaults["custom"] = {"align": "auto", "inspect": False}
        return defaults

    def _build_overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": title},
                "properties": [{"id": "unit", "value": unit}, {"id": "decimals", "value": 2}],
            }
            for title, unit in self.columns.items()
        ]

    def _build_transformations(self) -> list[Json]:
        """A table's queries become its columns, joined by their labels."""
        if self.kind is not Kind.TABLE:
            return []
        titles = {f"Value #{chr(ord('A') + at)}": query.legend for at, query in enumerate(self.queries)}
        return [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": titles}},
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """A title, and the panels below it."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice that the reader makes at the top of a dashboard: values of a label."""

    name: str
    query: str
    """PromQL's series of which the label's values are taken, as `label_values(SERIES, LABEL)`."""
    several: bool = False
    """Any number of values, all at first; else one."""

    def build(self) -> Json:
        """Return the variable's JSON."""
        everything = {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
        return {
            "type": "query",
            "name": self.name,
            "label": self.name.capitalize(),
            "datasource": dict(DATASOURCE),
            "definition": self.query,
            "query": {"query": self.query, "refId": self.name},
            "refresh": 2,  # whenever the time range changes
            "sort": 1,  # by the alphabet
            "multi": self.several,
            "includeAll": self.several,
            "hide": 0,
            "options": [],
            **(everything if self.several else {"current": {"text": "", "value": ""}}),
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of rows."""

    uid: str
    """Part of the page's address; Grafana replaces a dashboard by that of the same uid."""
    title: str
    about: str
    variables: Sequence[Variable]
    rows: Sequence[Row]

    def build(self) -> Json:
        """Return the dashboard's JSON, as Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,  # the moment under the pointer is marked in all panels
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "30s",
            "timezone": "",
            "annotations": {"list": []},
            "links": [dict(_LINKS)],
            "templating": {"list": [dict(_SOURCE), *(variable.build() for variable in self.variables)]},
            "panels": list(_place(self.rows)),
        }


def _place(rows: Sequence[Row]) -> Iterator[Json]:
    """Fill the grid from left to right, row by row; panels side by side have one height."""
    number, y = 1, 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        number, x, y, height = number + 1, 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            yield panel.build(number, {"x": x, "y": y, "w": panel.width, "h": panel.height})
            number, x, height = number + 1, x + panel.width, max(height, panel.height)
        y += height


def _build_target(query: Query, letter: str, kind: Kind, instant: bool) -> Json:
    return {
        "refId": letter,
        "datasource": dict(DATASOURCE),
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "table" if kind is Kind.TABLE else "time_series",
        "instant": instant,
        "range": not instant,
    }


_LAST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_LEGEND: Final[Json] = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_OPTIONS: Final[Mapping[Kind, Json]] = {
    Kind.STAT: {
        "reduceOptions": _LAST,
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    Kind.TIME_SERIES: {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    Kind.BAR_GAUGE: {
        "reduceOptions": _LAST,
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "auto",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "legend": _LEGEND | {"showLegend": False},
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
    Kind.TIMELINE: {
        "mergeValues": True,
        "showValue": "auto",
        "rowHeight": 0.8,
        "legend": _LEGEND,
        "tooltip": {"mode": "single", "sort": "none"},
    },
}
"""What Grafana's schema asks for; where nothing speaks for another choice, its defaults."""
