package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const typeURL = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"

// raw hands encoded messages through: the load spends its time on the wire, not in decoding payloads.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

// fleet is what all clients report to.
type fleet struct {
	sync.Mutex
	// Clients whose answers count: those that neither dawdle nor reject.
	counted int
	// Version -> when each client had acknowledged it, in nanoseconds since the epoch.
	arrivals  map[string][]int64
	bytes     int64
	responses int64
	rejected  int64
}

func (f *fleet) acknowledged(version string, size int) {
	now := time.Now().UnixNano()
	f.Lock()
	defer f.Unlock()
	f.bytes += int64(size)
	f.responses++
	at := append(f.arrivals[version], now)
	f.arrivals[version] = at
	if len(at) != f.counted {
		return
	}
	slices.Sort(at)
	emit(map[string]any{
		"event": "synced", "version": version, "p50": at[len(at)/2], "p99": at[len(at)*99/100], "last": at[len(at)-1],
		"bytes": f.bytes, "responses": f.responses, "rejections": f.rejected,
	})
	delete(f.arrivals, version)
}

func (f *fleet) took(size int, rejected bool) {
	f.Lock()
	defer f.Unlock()
	f.bytes += int64(size)
	f.responses++
	if rejected {
		f.rejected++
	}
}

// listed is what every client lists as its extensions.
var listed []*core.Extension

type behaviour int

const (
	prompt behaviour = iota
	slow
	rejecter
)

// load opens one connection and one stream for each client, and keeps them: a broken stream is opened again.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	address := flags.String("address", "", "where the server listens")
	clients := flags.Int("clients", 1, "how many")
	variant := flags.String("variant", "delta", "delta or sotw")
	slowOnes := flags.Int("slow", 0, "clients that read nothing after their first response")
	rejecters := flags.Int("rejecters", 0, "clients that reject everything after their first response")
	extensions := flags.Int("extensions", 0, "how many extensions each client lists in its node message; an Envoy 1.40 lists 516")
	flags.Parse(args)
	for i := range *extensions {
		listed = append(listed, &core.Extension{
			Name:     fmt.Sprintf("envoy.filters.http.extension_%d", i),
			Category: "envoy.filters.http",
			TypeUrls: []string{fmt.Sprintf("envoy.extensions.filters.http.extension_%d.v3.ExtensionConfig", i)},
		})
	}

	f := &fleet{counted: *clients - *slowOnes - *rejecters, arrivals: map[string][]int64{}}
	gate := make(chan struct{}, 64)
	for i := range *clients {
		how := prompt
		if i < *slowOnes {
			how = slow
		} else if i < *slowOnes+*rejecters {
			how = rejecter
		}
		go keep(f, *address, fmt.Sprintf("proxy-%d", i), *variant == "delta", how, gate)
	}
	// Ends with its standard input; every line asks for the totals.
	line := make([]byte, 64)
	for {
		if _, err := os.Stdin.Read(line); err != nil {
			return nil
		}
		f.Lock()
		emit(map[string]any{"event": "totals", "bytes": f.bytes, "responses": f.responses, "rejections": f.rejected})
		f.Unlock()
	}
}

// keep holds a client's stream open. At most 64 clients are on their way in at a time.
func keep(f *fleet, address, node string, delta bool, how behaviour, gate chan struct{}) {
	held := ""
	for {
		gate <- struct{}{}
		entered := sync.OnceFunc(func() { <-gate })
		held = converse(f, address, node, delta, how, held, entered)
		entered()
		time.Sleep(time.Duration(50+rand.Intn(100)) * time.Millisecond)
	}
}

// converse runs one stream to its end and returns the version held then.
func converse(f *fleet, address, node string, delta bool, how behaviour, held string, entered func()) string {
	window := int32(16 << 20)
	if how == slow {
		window = 64 << 10
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		return held
	}
	defer conn.Close()
	method := "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	if delta {
		method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
	}
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return held
	}
	first := subscribe(node, delta, held)
	if err := stream.SendMsg(&first); err != nil {
		return held
	}
	entered()
	for fresh := true; ; fresh = false {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return held
		}
		version, nonce := read(message, delta)
		reject := how == rejecter && !fresh
		reply := answer(delta, version, nonce, reject)
		if err := stream.SendMsg(&reply); err != nil {
			return held
		}
		if how == prompt {
			held = version
			f.acknowledged(version, len(message))
		} else {
			f.took(len(message), reject)
		}
		if how == slow {
			time.Sleep(time.Hour)
		}
	}
}

func subscribe(node string, delta bool, held string) []byte {
	who := &core.Node{Id: node, Extensions: listed}
	if !delta {
		return encode(&discovery.DiscoveryRequest{Node: who, TypeUrl: typeURL, ResourceNames: []string{name}, VersionInfo: held})
	}
	request := &discovery.DeltaDiscoveryRequest{Node: who, TypeUrl: typeURL, ResourceNamesSubscribe: []string{name}}
	if held != "" {
		request.InitialResourceVersions = map[string]string{name: held}
	}
	return encode(request)
}

func answer(delta bool, version, nonce string, reject bool) []byte {
	var detail *status.Status
	if reject {
		detail = &status.Status{Code: 3, Message: "rejected by the load"}
	}
	if delta {
		return encode(&discovery.DeltaDiscoveryRequest{TypeUrl: typeURL, ResponseNonce: nonce, ErrorDetail: detail})
	}
	return encode(&discovery.DiscoveryRequest{
		TypeUrl: typeURL, ResourceNames: []string{name}, ResponseNonce: nonce, VersionInfo: version, ErrorDetail: detail,
	})
}

func encode(message proto.Message) []byte {
	bytes, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return bytes
}

// read finds the version and the nonce of a response without decoding its payload.
func read(message []byte, delta bool) (version, nonce string) {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		message = message[length:]
		if kind != protowire.BytesType {
			message = message[protowire.ConsumeFieldValue(number, kind, message):]
			continue
		}
		value, length := protowire.ConsumeBytes(message)
		message = message[length:]
		switch {
		case number == 5:
			nonce = string(value)
		case number == 1 && !delta:
			version = string(value)
		case number == 2 && delta:
			version = versionOf(value)
		}
	}
	return version, nonce
}

func versionOf(resource []byte) string {
	for len(resource) > 0 {
		number, kind, length := protowire.ConsumeTag(resource)
		resource = resource[length:]
		if number == 1 && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(resource)
			return string(value)
		}
		resource = resource[protowire.ConsumeFieldValue(number, kind, resource):]
	}
	return ""
}
