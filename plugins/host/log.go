package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

const (
	tailLines  = 20
	tailBytes  = 1000     // of stderr in a message
	longestRow = 64 << 10 // bytes of a line; longer ones are cut in pieces
)

// tail remembers the last lines a connector wrote to standard error and hides secrets in them.
type tail struct {
	mu      sync.Mutex
	rows    []string
	secrets []string
}

// hide adds values that must not appear.
func (t *tail) hide(secrets []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= 4 && !slices.Contains(t.secrets, s) { // shorter ones would garble everything
			t.secrets = append(t.secrets, s)
		}
	}
}

func (t *tail) clean(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

func (t *tail) add(row string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, row)
	if len(t.rows) > tailLines {
		t.rows = slices.Delete(t.rows, 0, len(t.rows)-tailLines)
	}
}

// last is the end of what was said, for a message; "" when nothing was.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.Join(t.rows, "\n")
	if len(text) > tailBytes {
		text = "…" + strings.ToValidUTF8(text[len(text)-tailBytes:], "")
	}
	return text
}

// lines takes what a connector writes and hands it on line by line: to the log at the line's own level, and to the
// tail. It is used by one goroutine at a time.
type lines struct {
	log     *slog.Logger
	tail    *tail
	part    []byte
	crashed bool // a Go program's last words follow
}

// Write never fails.
func (l *lines) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0; {
		row, after, ended := bytes.Cut(rest, []byte{'\n'})
		l.part = append(l.part, row...)
		rest = after
		if ended || len(l.part) >= longestRow {
			l.row(strings.ToValidUTF8(string(l.part), "\uFFFD"))
			l.part = l.part[:0]
		}
	}
	return len(data), nil
}

func (l *lines) row(text string) {
	text = l.tail.clean(strings.TrimRight(text, "\r"))
	if strings.TrimSpace(text) == "" {
		return
	}
	level, message, attrs := parse(text)
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		l.crashed = true
	}
	if l.crashed {
		level = slog.LevelError
	}
	l.log.LogAttrs(context.Background(), level, message, attrs...)
	short := message
	for _, a := range attrs {
		if a.Key != "stack" {
			short += " " + a.String()
		}
	}
	l.tail.add(short)
}

// parse reads a line in hclog's JSON, or any text with a level in brackets before it.
func parse(text string) (slog.Level, string, []slog.Attr) {
	var entry map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if strings.HasPrefix(text, "{") && dec.Decode(&entry) == nil {
		if message, ok := entry["@message"].(string); ok {
			level := levelOf(fmt.Sprint(entry["@level"]))
			var attrs []slog.Attr
			for _, k := range slices.Sorted(maps.Keys(entry)) {
				if !strings.HasPrefix(k, "@") {
					attrs = append(attrs, slog.Any(k, entry[k]))
				}
			}
			return level, message, attrs
		}
	}
	if word, rest, ok := strings.Cut(text, "]"); ok && strings.HasPrefix(word, "[") {
		if level := levelOf(strings.ToLower(word[1:])); level != slog.LevelInfo || word == "[INFO" {
			return level, strings.TrimSpace(rest), nil
		}
	}
	return slog.LevelInfo, text, nil
}

func levelOf(word string) slog.Level {
	switch word {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
