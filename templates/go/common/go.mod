module example.com/my-filter

go 1.24

// The SDK's tags are old: this is the commit that builds with Go itself, without TinyGo.
require github.com/proxy-wasm/proxy-wasm-go-sdk v0.0.0-20250212164326-ab4161dcf924
