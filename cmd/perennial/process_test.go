package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"perennial/internal/admin"
)

// process is the program, running as a server.
type process struct {
	*exec.Cmd
	data    string
	address string
	log     *safeBuffer
	done    chan struct{}
}

// safeBuffer may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// folder is a data folder with a short path, as sockets need one.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// environment is that of this test without our own variables.
func environment(more ...string) []string {
	var list []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, envPrefix+"_") {
			list = append(list, pair)
		}
	}
	return append(list, more...)
}

// serveOn starts a server and returns when it serves.
func serveOn(t *testing.T, data string, variables ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command("perennial", "serve", "--data", data, "--listen", "127.0.0.1:0"), data: data, log: &safeBuffer{}, done: make(chan struct{})}
	p.Env = environment(variables...)
	p.Stderr = p.log
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("the server's log:\n%s", p.log)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), " serves "); ok {
			p.address = address
			break
		}
	}
	go func() {
		for lines.Scan() {
		}
		p.Wait()
		close(p.done)
	}()
	if p.address == "" {
		<-p.done
		t.Fatalf("the server did not start: %s", p.log)
	}
	until(t, "the server is ready", func() bool {
		_, ok := statusOf(data)
		return ok
	})
	return p
}

// end sends a signal and waits for the end; it returns the exit status, -1 when a
// signal ended it.
func (p *process) end(t *testing.T, signal syscall.Signal) int {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	<-p.done
	return p.ProcessState.ExitCode()
}

// ask runs an operator's command.
func (p *process) ask(t *testing.T, command string, in, out any) error {
	t.Helper()
	client, err := admin.Dial(t.Context(), p.data)
	if err != nil {
		return err
	}
	if client == nil {
		return os.ErrNotExist
	}
	defer client.Close()
	return client.Do(t.Context(), command, in, nil, out, nil)
}

// until polls; the test's own deadline ends it.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("never: %s", what)
		}
	}
}
