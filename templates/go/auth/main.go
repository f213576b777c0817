// Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
// Configuration: {"tokens": ["..."]}. Requests bring one of them: "authorization: Bearer ...".
package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// The proxy calls exported functions; main never runs.
func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

// One for each worker thread of the proxy.
type plugin struct {
	types.DefaultPluginContext
	tokens []string
}

// OnPluginStart gives Failed to refuse the configuration: the proxy keeps what it ran before. The log says why, and never quotes a token.
func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	configuration, err := readConfiguration(size)
	if err == nil {
		p.tokens, err = readTokens(configuration)
	}
	if err != nil {
		proxywasm.LogError("configuration: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

// One request and its response.
type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpRequestHeaders(int, bool) types.Action {
	value, err := proxywasm.GetHttpRequestHeader("authorization")
	if err == nil && s.plugin.allows(value) {
		return types.ActionContinue
	}
	challenge := [][2]string{{"www-authenticate", "Bearer"}}
	if err := proxywasm.SendHttpResponse(401, challenge, []byte("a known token is missing\n"), -1); err != nil {
		proxywasm.LogError("401 cannot be answered: " + err.Error())
	}
	return types.ActionPause
}

// The value of the header authorization. The scheme's case does not matter (RFC 9110, section 11.1).
func (p *plugin) allows(value string) bool {
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return false
	}
	// How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use.
	found := 0
	for _, known := range p.tokens {
		found |= subtle.ConstantTimeCompare([]byte(known), []byte(token))
	}
	return found == 1
}

func readConfiguration(size int) ([]byte, error) {
	if size == 0 {
		return []byte("{}"), nil
	}
	return proxywasm.GetPluginConfiguration()
}

func readTokens(configuration []byte) ([]string, error) {
	var read struct {
		Tokens []string `json:"tokens"`
	}
	decoder := json.NewDecoder(bytes.NewReader(configuration))
	decoder.DisallowUnknownFields() // a field with a typo would go unnoticed
	if err := decoder.Decode(&read); err != nil || decoder.More() {
		// The error may quote the text, which holds secrets.
		return nil, errors.New(`it is not JSON of the form {"tokens": ["..."]}`)
	}
	if len(read.Tokens) == 0 {
		return nil, errors.New("tokens must have at least one")
	}
	for _, token := range read.Tokens {
		if token == "" {
			return nil, errors.New("tokens must not be empty")
		}
	}
	return read.Tokens, nil
}
