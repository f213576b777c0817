package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

const name = "weir/default"

// everyNode gives all nodes one snapshot: the best case of the snapshot cache.
type everyNode struct{}

func (everyNode) ID(*core.Node) string { return "all" }

func extension(size, revision int) *core.TypedExtensionConfig {
	value := make([]byte, size)
	copy(value, fmt.Sprintf("revision %d", revision))
	return &core.TypedExtensionConfig{Name: name, TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/bench.Config", Value: value}}
}

// serve answers ADS from one of go-control-plane's caches. Words on standard input: `change` makes the next revision.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	kind := flags.String("cache", "linear", "snapshot or linear")
	size := flags.Int("size", 1024, "bytes of the resource")
	address := flags.String("address", "127.0.0.1:0", "where to listen")
	flags.Parse(args)

	var watched cache.Cache
	var set func(revision int) error
	switch *kind {
	case "snapshot":
		snapshots := cache.NewSnapshotCache(true, everyNode{}, nil)
		watched = snapshots
		set = func(revision int) error {
			resources := map[resource.Type][]types.Resource{resource.ExtensionConfigType: {extension(*size, revision)}}
			snapshot, err := cache.NewSnapshot(fmt.Sprint(revision), resources)
			if err != nil {
				return err
			}
			return snapshots.SetSnapshot(context.Background(), "all", snapshot)
		}
	case "linear":
		linear := cache.NewLinearCache(resource.ExtensionConfigType)
		watched = linear
		set = func(revision int) error { return linear.UpdateResource(name, extension(*size, revision)) }
	default:
		return fmt.Errorf("no cache %q", *kind)
	}
	if err := set(0); err != nil {
		return err
	}

	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1000))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), watched, counted()))
	go grpcServer.Serve(listener)
	emit(map[string]any{"event": "listening", "port": listener.Addr().(*net.TCPAddr).Port, "at": time.Now().UnixNano()})

	words := bufio.NewScanner(os.Stdin)
	for revision := 1; words.Scan(); revision++ {
		if words.Text() != "change" {
			return fmt.Errorf("no word %q", words.Text())
		}
		at := time.Now().UnixNano()
		if err := set(revision); err != nil {
			return err
		}
		emit(map[string]any{"event": "changed", "revision": revision, "at": at})
	}
	return nil
}

// counted reports how many streams have had their first request handled.
func counted() server.Callbacks {
	var lock sync.Mutex
	seen := map[int64]bool{}
	first := func(stream int64) {
		lock.Lock()
		defer lock.Unlock()
		if !seen[stream] {
			seen[stream] = true
			if len(seen)%100 == 0 {
				emit(map[string]any{"event": "subscribed", "count": len(seen), "at": time.Now().UnixNano()})
			}
		}
	}
	return server.CallbackFuncs{
		StreamRequestFunc: func(stream int64, _ *discovery.DiscoveryRequest) error {
			first(stream)
			return nil
		},
		StreamDeltaRequestFunc: func(stream int64, _ *discovery.DeltaDiscoveryRequest) error {
			first(stream)
			return nil
		},
	}
}
