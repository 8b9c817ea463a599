"""Grafana's dashboards as code: what each panel asks Prometheus, and how the answer is drawn.

    fleet.py, model.py: rows of panels ──► grafana.py: the dashboard's JSON ──► charts/modelport/dashboards

`make generate` writes the files; the chart installs them, and they can be imported into any Grafana by hand.
"""
