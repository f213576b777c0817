package main

import (
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// steps are what a request did, in order. The transport may tell of a connection after the request has ended.
type steps struct {
	lock  sync.Mutex
	start time.Time
	done  []string
}

func begin() *steps { return &steps{start: time.Now()} }

func (s *steps) took() time.Duration { return time.Since(s.start) }

func (s *steps) add(format string, args ...any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.done = append(s.done, fmt.Sprintf("%d "+format, append([]any{s.took().Milliseconds()}, args...)...))
}

func (s *steps) String() string {
	s.add("ended")
	s.lock.Lock()
	defer s.lock.Unlock()
	return strings.Join(s.done, ", ")
}

func (s *steps) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone:      func(info httptrace.DNSDoneInfo) { s.add("resolved %v %v", info.Addrs, info.Err) },
		ConnectStart: func(_, address string) { s.add("connect %s", address) },
		ConnectDone:  func(_, _ string, err error) { s.add("connected %v", err) },
		GotConn: func(info httptrace.GotConnInfo) {
			s.add("from %s, reused %t after %d ms", info.Conn.LocalAddr(), info.Reused, info.IdleTime.Milliseconds())
		},
		WroteRequest:         func(info httptrace.WroteRequestInfo) { s.add("written %v", info.Err) },
		GotFirstResponseByte: func() { s.add("answered") },
	}
}
