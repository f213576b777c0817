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
	"sync"
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

// totals is what load counted since it started.
type totals struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Unfiltered answers came without the header.
	Unfiltered int `json:"unfiltered"`
	// Values of the header, by how many answers had it.
	Values map[string]int `json:"values"`
	// The first failures, with their times.
	Failures  []string `json:"failures"`
	SlowestMs int64    `json:"slowestMs"`
}

const mostFailures = 20

// load asks URL again and again until TERM, and answers with its totals on -address.
func load(args []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	header := flags.String("header", "x-weir", "the header that a filtered answer has")
	every := flags.Duration("every", 10*time.Millisecond, "time between two requests of a worker")
	workers := flags.Int("workers", 2, "requests at a time")
	fresh := flags.Bool("fresh", false, "a connection for each request, so that each may reach another pod")
	address := flags.String("address", ":9090", "where the totals are")
	_ = flags.Parse(args)
	url := flags.Arg(0)

	counted := totals{Values: map[string]int{}, Failures: []string{}}
	var lock sync.Mutex
	transport := &http.Transport{DisableKeepAlives: *fresh, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	client := &http.Client{Timeout: 10 * time.Second, Transport: transport}
	for range *workers {
		go func() {
			for {
				value, took, err := ask(client, url, *header)
				lock.Lock()
				counted.add(value, took, err)
				lock.Unlock()
				time.Sleep(*every)
			}
		}()
	}
	go func() {
		log.Fatal(http.ListenAndServe(*address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			lock.Lock()
			defer lock.Unlock()
			_ = json.NewEncoder(w).Encode(counted)
		})))
	}()
	<-stopped()
}

func ask(client *http.Client, url string, header string) (string, time.Duration, error) {
	start := time.Now()
	response, err := client.Get(url)
	if err != nil {
		return "", time.Since(start), err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", time.Since(start), err
	}
	if response.StatusCode != http.StatusOK {
		return "", time.Since(start), fmt.Errorf("status %d", response.StatusCode)
	}
	return response.Header.Get(header), time.Since(start), nil
}

func (t *totals) add(value string, took time.Duration, err error) {
	t.Requests++
	t.SlowestMs = max(t.SlowestMs, took.Milliseconds())
	switch {
	case err != nil:
		t.Failed++
		if len(t.Failures) < mostFailures {
			t.Failures = append(t.Failures, fmt.Sprintf("%s %s", time.Now().UTC().Format(time.RFC3339Nano), err))
		}
	case value == "":
		t.Unfiltered++
	default:
		t.Values[value]++
	}
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
