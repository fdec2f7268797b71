package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"perennial/internal/fault"
)

// SocketName is the name of the socket in the data folder.
const SocketName = "admin.sock"

// maxSocketPath is the longest address of a socket in bytes, on every system.
const maxSocketPath = 103

// connectTimeout is how long a server may take to take a connection.
const connectTimeout = 2 * time.Second

// socketPath is the shortest address of the socket of a data folder.
func socketPath(dir string) (string, error) {
	path := filepath.Join(dir, SocketName)
	if whole, err := filepath.Abs(path); err == nil {
		here, err := os.Getwd()
		if err == nil {
			if short, err := filepath.Rel(here, whole); err == nil && len(short) < len(path) {
				path = short
			}
		}
	}
	if len(path) > maxSocketPath {
		return "", fault.New(fault.Invalid, "the path of the data folder is too long for its admin socket (%s): choose a shorter one, or start the program inside of it", path)
	}
	return path, nil
}

// Listen opens the admin socket of a data folder, which only the user of this
// process can reach. A socket that a dead server left is replaced; one that a
// server answers on is fault.Conflict.
func Listen(ctx context.Context, dir string) (net.Listener, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	if c, err := connect(ctx, path); err == nil {
		_ = c.Close() // it was only a question
		return nil, fault.New(fault.Conflict, "another server uses this data folder already (%s): stop it, or name another folder by --data", dir)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.Unavailable, err, "a dead server's admin socket cannot be removed")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the admin socket cannot be made")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close() // the first error is the one to tell
		return nil, fault.Wrap(fault.Unavailable, err, "the admin socket cannot be protected")
	}
	return l, nil
}

// Client asks for commands.
type Client struct {
	http  *http.Client
	close func()
}

// Dial finds the server that runs on a data folder. It returns nil when there is
// none: no socket, or one that nobody answers on.
func Dial(ctx context.Context, dir string) (*Client, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // where no socket can be, no server listens
	}
	c, err := connect(ctx, path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, nil //nolint:nilnil // no server
	case errors.Is(err, os.ErrPermission):
		return nil, fault.New(fault.Forbidden, "the server on %s belongs to another user: run this command as that user", dir)
	case err != nil:
		return nil, fault.Wrap(fault.Unavailable, err, "the running server cannot be reached")
	}
	_ = c.Close() // it was only a question
	return client(func(ctx context.Context) (net.Conn, error) {
		return connect(ctx, path)
	}, func() {}), nil
}

func connect(ctx context.Context, path string) (net.Conn, error) {
	return (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", path)
}

func client(dial func(ctx context.Context) (net.Conn, error), end func()) *Client {
	t := &http.Transport{DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	return &Client{http: &http.Client{Transport: t}, close: end}
}

// Inside is a client of a handler in this process. Close waits for its commands.
func Inside(h http.Handler) *Client {
	l := &pipes{conns: make(chan net.Conn), ended: make(chan struct{})}
	s := &http.Server{Handler: h, ReadHeaderTimeout: connectTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends when it is told to
	}()
	return client(l.dial, func() {
		_ = s.Close() // its only client is this process
		<-done
	})
}

// Close gives up what the client holds.
func (c *Client) Close() { c.close() }

// pipes is a listener whose connections never leave the process.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "inside", Net: "unix"} }

// Do runs a command: in is its request, file what follows (nil for nothing), out
// where its result is read into. Progress, when set, hears how far it is. The
// error is the command's own fault.Error; when the connection breaks it is
// fault.Unknown, because the command may have been done.
func (c *Client) Do(ctx context.Context, command string, in any, file io.Reader, out any, progress func(Progress)) error {
	line, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var body io.Reader = bytes.NewReader(append(line, '\n'))
	if file != nil {
		body = io.MultiReader(body, file)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://perennial/"+command, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unknown, err, "the connection to the server broke, so it is not known whether the command was done")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fault.New(fault.Unavailable, "the running server does not know this command: it is of another version")
	}
	return read(res.Body, out, progress)
}

// read reads the lines of an answer.
func read(body io.Reader, out any, progress func(Progress)) error {
	d := json.NewDecoder(bufio.NewReader(body))
	for {
		var f struct {
			Progress *Progress       `json:"progress"`
			Result   json.RawMessage `json:"result"`
			Error    *refusal        `json:"error"`
		}
		err := d.Decode(&f)
		switch {
		case err != nil:
			return fault.Wrap(fault.Unknown, err, "the answer of the server broke off, so it is not known whether the command was done")
		case f.Error != nil:
			return &fault.Error{Kind: f.Error.Kind, Code: f.Error.Code, Message: f.Error.Message, Fields: f.Error.Fields}
		case f.Progress == nil:
			return json.Unmarshal(f.Result, out)
		case progress != nil:
			progress(*f.Progress)
		}
	}
}
