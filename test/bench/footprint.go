package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// B12, the footprint: the built program on a store with as many subscriptions as
// the renewal run has.

const (
	maxBinary = 50 << 20
	maxStart  = 500 * time.Millisecond
	maxIdle   = 80 << 20
	settled   = 3 * time.Second // after which a process counts as idle
)

func (b *bench) footprint(ctx context.Context) error {
	binary := filepath.Join(b.dir, "perennial")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "perennial/cmd/perennial")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the program does not build: %w: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	data := filepath.Join(b.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	// Nothing of it falls due for a lifetime, so that the process stays idle.
	if _, err := b.seedLite(ctx, filepath.Join(data, "perennial.db"), 1, b.due, started.AddDate(100, 0, 0), plain); err != nil {
		return err
	}
	var starts []time.Duration
	var idle []int64
	for range b.rounds {
		start, memory, err := b.start(ctx, binary, data)
		if err != nil {
			return err
		}
		starts, idle = append(starts, start), append(idle, memory)
	}
	b.missed = b.missed || info.Size() > maxBinary || median(starts) > maxStart || median(idle) > maxIdle
	b.footprintText = fmt.Sprintf("B12 footprint: program %.1f MB (at most %d: %s), start to /healthz on %d subscriptions %.0f ms (at most %d: %s), idle memory %d MB (at most %d: %s)\n",
		float64(info.Size())/(1<<20), maxBinary>>20, verdict(info.Size() <= maxBinary), b.due, ms(median(starts)), maxStart.Milliseconds(), verdict(median(starts) <= maxStart),
		median(idle)>>20, maxIdle>>20, verdict(median(idle) <= maxIdle))
	return nil
}

// start runs the program until it has answered and come to rest.
func (b *bench) start(ctx context.Context, binary, data string) (start time.Duration, idle int64, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return 0, 0, err
	}
	serve := exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", address)
	serve.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := serve.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = serve.Process.Signal(syscall.SIGTERM) // it may have ended
		if e := serve.Wait(); err == nil && e != nil {
			err = fmt.Errorf("the program did not end well: %w", e)
		}
	}()
	for !answers(ctx, "http://"+address+"/healthz") {
		if time.Since(began) > 30*time.Second {
			return 0, 0, fmt.Errorf("the program does not answer on %s", address)
		}
		time.Sleep(2 * time.Millisecond)
	}
	start = time.Since(began)
	time.Sleep(settled)
	return start, memory(serve.Process.Pid, "VmRSS"), nil
}

func answers(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}
