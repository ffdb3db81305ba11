package acceptance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"sync"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// ears hear everything a connector says, on standard error and in its answers.
type ears struct {
	mu    sync.Mutex
	heard []heard
}

type heard struct{ where, text string }

func (e *ears) hear(where, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, heard{where, text})
}

func (e *ears) exchanges(all []*protocol.Exchange) {
	for _, x := range all {
		e.hear("an exchange", x.GetRequest()+"\n"+x.GetResponse())
	}
}

// says returns where a text was heard, in any of the forms that addresses, headers and JSON give it.
func (e *ears) says(secret string) string {
	quoted, _ := json.Marshal(secret)
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)),
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.heard {
		for _, form := range forms {
			if strings.Contains(h.text, form) {
				return h.where
			}
		}
	}
	return ""
}

// logger hears what the connector writes to standard error.
func (e *ears) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(writer(func(b []byte) { e.hear("the log", string(b)) }), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(bytes.Clone(b))
	return len(b), nil
}

var listening = []check{{
	id: "secrets.silent", level: Described,
	promise: "a secret setting never appears in a message, an exchange or the log",
	try: func(_ context.Context, t *trial) {
		secrets := 0
		for _, a := range t.manifest.GetConfig() {
			value, _ := t.options.Spec.Config[a.GetName()].(string)
			if !a.GetSensitive() || len(value) < 4 {
				continue
			}
			secrets++
			if where := t.ears.says(value); where != "" {
				t.failf("the setting %s was heard in %s", a.GetName(), where)
			}
		}
		if secrets == 0 {
			t.skip("the specification's config has no secret of at least 4 characters")
		}
	},
}}
