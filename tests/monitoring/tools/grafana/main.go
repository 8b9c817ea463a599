// Read a dashboard's JSON from stdin by Grafana's own types, strictly, and print what they make of it.
//
// The types are those that Grafana generates from the schemas of its dashboards, panels and Prometheus queries. What
// they do not know is an error, or is missing in what is printed.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if err := check(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(in io.Reader, out io.Writer) error {
	plugins.RegisterDefaultPlugins()
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	// Without any fault the strict reader returns an error all the same, an empty list, and drops the panels then.
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err
	}
	var read dashboard.Dashboard
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	if err := read.Validate(); err != nil && err.Error() != "" {
		return err
	}
	return json.NewEncoder(out).Encode(read)
}
