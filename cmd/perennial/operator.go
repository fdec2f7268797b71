package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"perennial/internal/admin"
	"perennial/internal/fault"
	"perennial/internal/server"
)

// operator reaches the commands: those of the server that runs on the data, or,
// when none does, those of the data opened by this process.
type operator struct {
	*admin.Client
	running bool // a server answers
	end     func() error
}

// reach finds the server, or opens the data.
func (t *terminal) reach(p *place) (*operator, error) {
	client, err := admin.Dial(t.ctx, p.Data)
	if err != nil {
		return nil, err
	}
	if client != nil {
		return &operator{Client: client, running: true, end: func() error { return nil }}, nil
	}
	h, err := p.open(t.ctx, server.NewLog(t.err), t.keys, 0)
	if fault.Is(err, fault.Unavailable) && fault.As(err).Unwrap() == nil && p.Database == "" {
		return nil, fault.New(fault.Unavailable, "%s, and its admin socket does not answer: wait if it is just starting or stopping, else stop it and try again",
			fault.As(err).Message)
	}
	if err != nil {
		return nil, err
	}
	return &operator{Client: admin.Inside(h.admin("http://"+defaultListen, nil)), end: h.close}, nil
}

// expect refuses a command on a folder that holds no data: only a first account (or
// a server) makes a database, so that a mistyped folder proves nothing.
func (p *place) expect(command string) error {
	if p.Database != "" || command == "account/create" {
		return nil
	}
	if _, err := os.Stat(p.url()); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no database in %s: name its folder by --data, or begin with perennial serve or perennial account create", p.Data)
	}
	return nil
}

// do runs one command and shows how far it is.
func (t *terminal) do(p *place, command string, in any, file io.Reader, out any) error {
	if err := p.expect(command); err != nil {
		return err
	}
	o, err := t.reach(p)
	if err != nil {
		return err
	}
	bar := newProgress(t.err)
	err = o.Do(t.ctx, command, in, file, out, bar.show)
	bar.end(err == nil)
	o.Close()
	if closed := o.end(); err == nil {
		err = closed
	}
	return err
}
