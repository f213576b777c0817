//go:build tools

// Package tools pins the Prometheus that the tests run queries and alerts on.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
