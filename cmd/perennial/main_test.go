package main

import (
	"context"
	"errors"

	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"perennial/internal/admin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"perennial": main})
}

// The commands are played as an operator types them, on the real program.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"served": served,
			"keep":   keep,
		}})
}

// exits STATUS PROGRAM ARGUMENTS… runs a program that must end with that status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var e *exec.ExitError
		if !errors.As(err, &e) {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("ended with %d, want %d", got, want)
	}
}

// served FOLDER waits until a server answers on the folder, and keeps where it
// serves as $ADDRESS.
func served(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: served FOLDER")
	}
	for {
		if s, ok := statusOf(ts.MkAbs(args[0])); ok {
			ts.Setenv("ADDRESS", s.Address)
			return
		}
		time.Sleep(10 * time.Millisecond) // a poll; the test's deadline ends it
	}
}

// statusOf asks the server on a folder, when there is one.
func statusOf(folder string) (admin.Status, bool) {
	var s admin.Status
	client, err := admin.Dial(context.Background(), folder)
	if err != nil || client == nil {
		return s, false
	}
	defer client.Close()
	return s, client.Do(context.Background(), "status", admin.Empty{}, nil, &s, nil) == nil
}

// keep NAME FORM keeps the first word of the last output that begins with FORM.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME FORM")
	}
	for _, word := range strings.FieldsFunc(ts.ReadFile("stdout"), func(r rune) bool { return strings.ContainsRune(" \t\n\",", r) }) {
		if strings.HasPrefix(word, args[1]) {
			ts.Setenv(args[0], word)
			return
		}
	}
	ts.Fatalf("nothing begins with %s in:\n%s", args[1], ts.ReadFile("stdout"))
}
