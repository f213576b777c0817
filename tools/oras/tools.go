//go:build tools

// Package tools pins the ORAS that reads and writes what Weir copies and pushes.
package tools

import _ "oras.land/oras/cmd/oras"
