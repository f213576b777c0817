// Package main is the app of the cluster tests: a server, a client that never stops, one that asks once, and what holds a pod's namespaces open.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: app serve [-address HOST:PORT] [-shutdown DURATION]
       app load [-header NAME] [-every DURATION] [-workers N] [-fresh] [-address HOST:PORT] URL
       app get URL
       app relay [-address HOST:PORT] HOST:PORT
       app pause`

func main() {
	if len(os.Args) < 2 {
		log.Fatal(usage)
	}
	log.SetFlags(0)
	args := os.Args[2:]
	switch os.Args[1] {
	case "serve":
		serve(args)
	case "load":
		load(args)
	case "get":
		get(args)
	case "relay":
		relay(args)
	case "pause":
		<-stopped()
	default:
		log.Fatal(usage)
	}
}

func stopped() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	return signals
}

// serve answers each request with what it saw of it, and its own name. Told to end, it answers for `-shutdown` more, as an app behind a Service must:
// kube-proxy learns of the end of a pod when the pod does.
func serve(args []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	address := flags.String("address", ":8080", "where to listen")
	shutdown := flags.Duration("shutdown", 2*time.Second, "how long to answer after TERM")
	_ = flags.Parse(args)
	name, _ := os.Hostname()
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/grpc.health.v1.Health/Check" {
			healthy(w)
			return
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		w.Header().Set("content-type", "application/json")
		w.Header().Set("x-app", name)
		_ = json.NewEncoder(w).Encode(map[string]any{"name": name, "method": r.Method, "path": r.URL.Path, "headers": r.Header, "from": r.RemoteAddr, "bytes": len(body)})
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: *address, Handler: http.HandlerFunc(handler), Protocols: protocols}
	go func() {
		<-stopped()
		time.Sleep(*shutdown)
		os.Exit(0)
	}()
	log.Printf("serving on %s", *address)
	log.Fatal(server.ListenAndServe())
}

// healthy answers a gRPC probe with SERVING. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
func healthy(w http.ResponseWriter) {
	w.Header().Set("content-type", "application/grpc")
	w.Header().Set("trailer", "grpc-status")
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 8, 1})
	w.Header().Set("grpc-status", "0")
}

// get asks once and prints status, headers and body, as `curl -i` does.
func get(args []string) {
	flags := flag.NewFlagSet("get", flag.ExitOnError)
	_ = flags.Parse(args)
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(flags.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	fmt.Printf("%s %s\n", response.Proto, response.Status)
	_ = response.Header.Write(os.Stdout)
	fmt.Println()
	_, _ = io.Copy(os.Stdout, response.Body)
}

// relay carries connections to HOST:PORT, so that they come from this pod's address whoever makes them.
func relay(args []string) {
	flags := flag.NewFlagSet("relay", flag.ExitOnError)
	address := flags.String("address", ":7070", "where to listen")
	_ = flags.Parse(args)
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		<-stopped()
		os.Exit(0)
	}()
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go carry(client, flags.Arg(0))
	}
}

func carry(client net.Conn, to string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[1], way[0])
			ended <- struct{}{}
		}()
	}
	<-ended
}
