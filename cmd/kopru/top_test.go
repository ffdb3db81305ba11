package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"github.com/kopru-io/kopru/engine/dashboard"
)

// TestTopFits: what top shows fits into terminals of several sizes, also after one got another size, and leaves the
// terminal as it was.
func TestTopFits(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	view := func(context.Context) (*statusView, error) {
		v := &statusView{Overview: &dashboard.Overview{}}
		for i := range 30 {
			v.Pipelines = append(v.Pipelines, dashboard.PipelineLine{Name: strings.Repeat("long_name_", 4) + string(rune('a'+i)), Health: dashboard.Failing})
		}
		return v, nil
	}
	for _, size := range []pty.Winsize{{Rows: 24, Cols: 80}, {Rows: 40, Cols: 120}} {
		if err := pty.Setsize(theirs, &size); err != nil {
			t.Fatal(err)
		}
		shown := make(chan string)
		go func() {
			var all bytes.Buffer
			part := make([]byte, 4096)
			for !strings.Contains(all.String(), screenClose) {
				n, err := ours.Read(part)
				if err != nil {
					break
				}
				all.Write(part[:n])
			}
			shown <- all.String()
		}()
		c := &cli{out: theirs, in: os.Stdin}
		if err := c.top(t.Context(), view, 50*time.Millisecond, 2); err != nil {
			t.Fatal(err)
		}
		text := <-shown
		if !strings.HasPrefix(text, screenOpen) || !strings.HasSuffix(text, screenClose) {
			t.Errorf("%q … %q", text[:20], text[len(text)-20:])
		}
		frames := strings.Split(text, "\x1b[H")[1:]
		if len(frames) != 2 {
			t.Fatalf("%d looks", len(frames))
		}
		lines := strings.Split(strings.ReplaceAll(frames[1], screenClose, ""), "\n")
		if len(lines) > int(size.Rows) {
			t.Errorf("%d lines on %d", len(lines), size.Rows)
		}
		for _, line := range lines {
			if w := ansi.StringWidth(line); w > int(size.Cols) {
				t.Errorf("%d columns on %d: %q", w, size.Cols, line)
			}
		}
		if !regexp.MustCompile("\x1b\\[31mfailing\x1b\\[m").MatchString(text) {
			t.Errorf("no colour in %q", text)
		}
	}
	s := &screen{terminal: theirs}
	if !s.changed() || s.changed() {
		t.Error("another size is noticed once")
	}
}
