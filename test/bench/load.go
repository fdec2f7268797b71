package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// caller sends requests to a server of this process over the loopback.
type caller struct {
	base   string
	key    string // the bearer key, "" for none
	client *http.Client
}

// serving serves h on the loopback until the returned function is called.
func serving(h http.Handler) (string, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h}
	go s.Serve(l) //nolint:errcheck // it ends when it is closed
	return "http://" + l.Addr().String(), func() { s.Close() }, nil
}

func newCaller(base, key string, clients int) *caller {
	return &caller{base, key, &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConns: clients, MaxIdleConnsPerHost: clients, DisableCompression: true}}}
}

// send makes one request and returns the body of an answer with the wanted status.
func (c *caller) send(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != want {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return text, err
}

// load sends n requests from some clients, each the next one as soon as it has its
// answer, and measures them. Request i is made by do, which checks its answer.
func load(ctx context.Context, clients, n int, servers []int, do func(ctx context.Context, i int) error) (figures, error) {
	waits := make([]time.Duration, n)
	f, err := watch(n, servers, func() error {
		group, ctx := errgroup.WithContext(ctx)
		for c := range clients {
			group.Go(func() error {
				for i := c; i < n; i += clients {
					began := time.Now()
					if err := do(ctx, i); err != nil {
						return err
					}
					waits[i] = time.Since(began)
				}
				return nil
			})
		}
		return group.Wait()
	})
	f.waits = waits
	return f, err
}

// scattered maps 0, 1, 2 … to numbers that jump about and never repeat: keys that
// come from outside do not rise.
func scattered(i int) uint64 { return uint64(i+1) * 0x9E3779B97F4A7C15 }
