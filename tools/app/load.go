package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// totals is what load counted since it started.
type totals struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Unfiltered answers came without the header.
	Unfiltered int `json:"unfiltered"`
	// Values of the header, by how many answers had it.
	Values map[string]int `json:"values"`
	// The last failures, with their times.
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

// ask gives the header's value and the time that the answer took. What fails says how far it came and when, each step in milliseconds from the start.
func ask(client *http.Client, url string, header string) (string, time.Duration, error) {
	steps := begin()
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), steps.trace()), http.MethodGet, url, nil)
	if err != nil {
		return "", steps.took(), err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", steps.took(), fmt.Errorf("%w (%s)", err, steps)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", steps.took(), fmt.Errorf("%w (%s)", err, steps)
	}
	if response.StatusCode != http.StatusOK {
		return "", steps.took(), fmt.Errorf("status %d %.200q (%s)", response.StatusCode, body, steps)
	}
	return response.Header.Get(header), steps.took(), nil
}

func (t *totals) add(value string, took time.Duration, err error) {
	t.Requests++
	t.SlowestMs = max(t.SlowestMs, took.Milliseconds())
	switch {
	case err != nil:
		t.Failed++
		t.Failures = append(t.Failures, fmt.Sprintf("%s %s", time.Now().UTC().Format(time.RFC3339Nano), err))
		t.Failures = t.Failures[max(0, len(t.Failures)-mostFailures):]
	case value == "":
		t.Unfiltered++
	default:
		t.Values[value]++
	}
}
