// A proxy-wasm filter that adds one header to every response.
// Configuration, all of it optional: {"header": "x-weir", "value": "v1"}.
package main

import (
	"encoding/json"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// version is the header's value when the configuration names none; the linker sets it (-X main.version=v2).
var version = "v1"

func main() {}

func init() {
	proxywasm.SetVMContext(&vm{})
}

type vm struct{ types.DefaultVMContext }

func (*vm) NewPluginContext(uint32) types.PluginContext { return &plugin{} }

type plugin struct {
	types.DefaultPluginContext
	Header string `json:"header"`
	Value  string `json:"value"`
}

// OnPluginStart refuses a configuration that is not such an object; the proxy then keeps what it ran before.
func (p *plugin) OnPluginStart(size int) types.OnPluginStartStatus {
	p.Header, p.Value = "x-weir", version
	if size > 0 {
		configuration, err := proxywasm.GetPluginConfiguration()
		if err == nil {
			err = json.Unmarshal(configuration, p)
		}
		if err != nil {
			proxywasm.LogCriticalf("add-header: configuration: %v", err)
			return types.OnPluginStartStatusFailed
		}
	}
	proxywasm.LogInfof("add-header: adding %s: %s", p.Header, p.Value)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &stream{plugin: p} }

type stream struct {
	types.DefaultHttpContext
	plugin *plugin
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.AddHttpResponseHeader(s.plugin.Header, s.plugin.Value); err != nil {
		proxywasm.LogErrorf("add-header: %v", err)
	}
	return types.ActionContinue
}
