// Command gcp is the Go side of Weir's benchmarks: go-control-plane as a server to compare with, and the load that both servers carry.
//
// It speaks lines of JSON on standard output and words on standard input, so that bench/ can drive it:
//
//	gcp serve -cache snapshot|linear -size BYTES [-address HOST:PORT]
//	gcp load  -address HOST:PORT -clients N -variant delta|sotw [-slow N] [-rejecters N]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: gcp serve|load [flags]")
		os.Exit(2)
	}
	run := map[string]func([]string) error{"serve": serve, "load": load}[os.Args[1]]
	if run == nil {
		fmt.Fprintf(os.Stderr, "gcp: no command %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "gcp:", err)
		os.Exit(1)
	}
}

var out sync.Mutex

// emit writes one event as a line.
func emit(event map[string]any) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	out.Lock()
	defer out.Unlock()
	os.Stdout.Write(append(line, '\n'))
}
