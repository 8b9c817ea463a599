// Grafana's own types of a dashboard; tests/monitoring/test_schema.py builds this by scripts/go-program.
module modelport.io/tests/monitoring/tools/grafana

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
