// Reads a Grafana dashboard from standard input and says what of it is not in Grafana's schema: fields that it does not know, and values that it does not take.
// Panels and data sources are those that the chart's dashboard has: all of them take a minute to build.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	runtime := cog.NewRuntime()
	for _, panel := range []variants.PanelcfgConfig{stat.VariantConfig(), table.VariantConfig(), timeseries.VariantConfig()} {
		runtime.RegisterPanelcfgVariant(panel)
	}
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	// Of a field that is well it returns an empty list of errors, and drops what holds it: what was read is read again to look at it.
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
		fail(err)
	}
	board := dashboard.Dashboard{}
	if err := json.Unmarshal(raw, &board); err != nil {
		fail(err)
	}
	if err := errors.Join(board.Validate(), unknownPanels(board, runtime)); err != nil {
		fail(err)
	}
}

// Panels of other kinds would be passed over.
func unknownPanels(board dashboard.Dashboard, runtime *cog.Runtime) error {
	var found []error
	for _, one := range board.Panels {
		if one.Panel == nil {
			continue
		}
		if _, known := runtime.ConfigForPanelcfgVariant(one.Panel.Type); !known {
			found = append(found, fmt.Errorf("a panel is a %s, which this program does not know", one.Panel.Type))
		}
	}
	return errors.Join(found...)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
