package webhook

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The functions that docs/webhooks.md shows accept what is sent, and nothing else. They
// run where their language is installed.
func TestDocumentedVerification(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	secret, body, at := NewSecret(), `{"id":"evt_1","data":{"name":"Zoë"}}`, time.Unix(1772366400, 0)
	good, err := Sign(secret, "evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	old, err := Sign(NewSecret(), "evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	type try struct {
		Signature string `json:"signature"`
		Body      string `json:"body"`
		Now       int64  `json:"now"`
		Want      bool   `json:"want"`
	}
	tries, err := json.Marshal([]try{{good, body, at.Unix(), true}, {old + " " + good, body, at.Unix() + 299, true}, {old, body, at.Unix(), false},
		{good, body + " ", at.Unix(), false}, {good, body, at.Unix() + 301, false}, {good, body, at.Unix() - 301, false}, {good[:20], body, at.Unix(), false}})
	if err != nil {
		t.Fatal(err)
	}
	for language, run := range map[string]struct {
		program, flag, tail string
	}{
		"python": {"python3", "-c", `
import json, sys
for t in json.loads(sys.argv[2]):
    if verify(sys.argv[1], {"webhook-id": "evt_1", "webhook-timestamp": "1772366400", "webhook-signature": t["signature"]}, t["body"].encode(), t["now"]) != t["want"]:
        sys.exit(str(t))
`},
		"js": {"node", "-e", `
for (const t of JSON.parse(process.argv[2]))
  if (verify(process.argv[1], {"webhook-id": "evt_1", "webhook-timestamp": "1772366400", "webhook-signature": t.signature}, t.body, t.now) !== t.want)
    throw new Error(JSON.stringify(t));
`},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			_, code, ok := strings.Cut(string(text), "```"+language+"\n")
			code, _, closed := strings.Cut(code, "```")
			if !ok || !closed {
				t.Fatal("the page shows no function")
			}
			program, err := exec.LookPath(run.program)
			if err != nil {
				t.Skip(run.program + " is not installed")
			}
			out, err := exec.CommandContext(t.Context(), program, run.flag, code+run.tail, secret, string(tries)).CombinedOutput() // #nosec G204 -- our own page
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
