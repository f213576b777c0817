//go:build tools

// Package tools pins the cosign that signs for the tests and verifies what they sign.
package tools

import _ "github.com/sigstore/cosign/v3/cmd/cosign"
