// Adds the header x-hello to every response. The configuration is its value; without one it is "world".
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// The proxy calls exported functions; main never runs.
func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{value: "world"} }

// One for each worker thread of the proxy.
type plugin struct {
	types.DefaultPluginContext
	value string
}

// OnPluginStart gives Failed to refuse the configuration: the proxy keeps what it ran before. The log says why.
func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	if size == 0 {
		return types.OnPluginStartStatusOK
	}
	configuration, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		proxywasm.LogError("configuration: " + err.Error())
		return types.OnPluginStartStatusFailed
	}
	if !isHeaderValue(configuration) {
		proxywasm.LogError("configuration: the value of a header has no line breaks and no other control characters")
		return types.OnPluginStartStatusFailed
	}
	p.value = string(configuration)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

// One request and its response.
type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.AddHttpResponseHeader("x-hello", s.plugin.value); err != nil {
		proxywasm.LogError("x-hello cannot be added: " + err.Error())
	}
	return types.ActionContinue
}

// Line breaks and other control characters in a header would let a value forge headers of its own.
func isHeaderValue(text []byte) bool {
	for _, c := range text {
		if (c < 0x20 && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}
