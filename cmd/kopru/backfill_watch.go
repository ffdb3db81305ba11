package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

// backfilled is how a backfill ended.
type backfilled struct {
	run.Summary
	Backfill backfillView `json:"backfill"`
}

type backfillView struct {
	ID         string          `json:"id"`
	Span       string          `json:"span"`
	Timezone   string          `json:"timezone,omitempty"`
	ReadAgain  int64           `json:"read_again"` // of the records read, after interruptions
	Partitions []partitionView `json:"partitions"`
}

type partitionView struct {
	Number  int          `json:"number"`
	From    string       `json:"from,omitempty"`
	To      string       `json:"to,omitempty"` // not included
	Status  string       `json:"status"`
	Records state.Counts `json:"records"`
	Cursor  string       `json:"cursor,omitempty"`
	Node    string       `json:"node,omitempty"`
	Error   string       `json:"error,omitempty"`
}

// work does this node's share, shows how far all nodes are, and says how it ended.
func (w *backfilling) work(ctx context.Context, b state.Backfill) error {
	inner, cut := context.WithCancel(context.WithoutCancel(ctx)) // ended by draining, so that what is under way is finished
	defer cut()
	ended := make(chan error, 1)
	go func() { ended <- w.runner.Backfill(inner, w.pipeline, b.ID) }()
	bar := newBackfillBar(w.cli, b)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	stopped := ctx.Done()
	var err error
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-stopped:
			stopped = nil
			w.runner.Drain()
			timer := time.AfterFunc(w.project.Engine.Drain, cut)
			defer timer.Stop()
		case <-tick.C:
			if now, err := w.store.Backfill(inner, b.ID); err == nil {
				bar.show(now)
			}
		}
	}
	bar.end()
	if err != nil {
		return err
	}
	b, err = w.store.Backfill(context.WithoutCancel(ctx), b.ID)
	if err != nil {
		return err
	}
	return w.summary(b)
}

func (w *backfilling) summary(b state.Backfill) error {
	counts, sinks, again := b.Total()
	out := backfilled{
		Summary: run.Summary{Name: b.Pipeline, Status: b.Status, Records: counts, Sinks: sinks, Error: b.Error},
		Backfill: backfillView{
			ID: b.ID, Span: b.Span, Timezone: w.span.zone.String(), ReadAgain: again, Partitions: w.viewParts(b.Partitions),
		},
	}
	until := b.FinishedAt
	if b.Status == "running" {
		out.Status, out.Error = run.Failed, "stopped before the end; the same command goes on where it ended, and so does `kopru run`"
		until = time.Now()
	}
	if b.Status == state.Stopped {
		out.Status = run.Failed
	}
	out.DurationMS = until.Sub(b.StartedAt).Milliseconds()
	if w.json {
		if err := w.printJSON(map[string]any{"pipelines": []backfilled{out}}); err != nil {
			return err
		}
	} else {
		printSummary(w.err, out.Summary)
		printBackfill(w.err, b, again)
	}
	switch out.Status {
	case run.Failed:
		return exit(exitFailed)
	case run.Partial:
		return exit(exitPartial)
	}
	return nil
}

func printBackfill(out io.Writer, b state.Backfill, again int64) {
	nodes := map[string]bool{}
	for _, p := range b.Partitions {
		if p.Node != "" {
			nodes[p.Node] = true
		}
	}
	fmt.Fprintf(out, "  %d of %s done", b.Done(), partitionsText(len(b.Partitions)))
	if len(nodes) > 1 {
		fmt.Fprintf(out, " by %d nodes", len(nodes))
	}
	fmt.Fprintln(out)
	if again > 0 {
		fmt.Fprintf(out, "  %d of the records were read again after an interruption\n", again)
	}
	if b.Status == state.PartitionFailed {
		fmt.Fprintln(out, "  the same command goes on where it ended")
	}
}

func (w *backfilling) viewParts(parts []state.Partition) []partitionView {
	out := make([]partitionView, len(parts))
	for i, p := range parts {
		out[i] = partitionView{
			Number: i + 1, From: w.moment(p.From), To: w.moment(p.To), Status: p.Status, Records: p.Counts, Cursor: p.Cursor,
			Node: p.Node, Error: p.Error,
		}
		if p.Status == "" {
			out[i].Status = state.PartitionWaiting
		}
	}
	return out
}

func (w *backfilling) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(w.span.zone).Format(time.RFC3339)
}

// backfillBar shows how far a backfill is: on a terminal on one line that is overwritten, elsewhere a line whenever a
// partition is done, and every ten seconds.
type backfillBar struct {
	out      io.Writer // nil = nobody watches
	terminal bool
	began    time.Time
	told     time.Time // elsewhere: the last line
	before   int64     // records of earlier commands
	done     int       // partitions, at the last line
	first    int       // partitions that were done before
}

func newBackfillBar(c *cli, b state.Backfill) *backfillBar {
	bar := &backfillBar{began: time.Now(), told: time.Now(), first: b.Done(), done: b.Done()}
	total, _, _ := b.Total()
	bar.before = total.Read
	if c.json {
		return bar
	}
	bar.out = c.err
	_, bar.terminal = terminalOf(c.err)
	return bar
}

func (b *backfillBar) show(f state.Backfill) {
	done := f.Done()
	switch {
	case b.out == nil:
	case b.terminal:
		fmt.Fprint(b.out, "\r\033[K", b.line(f, time.Now()))
	case done > b.done || time.Since(b.told) >= logEvery:
		b.told = time.Now()
		fmt.Fprintln(b.out, b.line(f, b.told))
	}
	b.done = done
}

func (b *backfillBar) end() {
	if b.terminal {
		fmt.Fprint(b.out, "\r\033[K")
	}
}

// line says how many records and partitions there are so far, how fast they come, and how long it will still take as
// far as the partitions tell.
func (b *backfillBar) line(f state.Backfill, now time.Time) string {
	const width = 20
	total, _, _ := f.Total()
	done, all := f.Done(), len(f.Partitions)
	elapsed := now.Sub(b.began)
	parts := []string{fmt.Sprintf("%d of %s", done, partitionsText(all)), fmt.Sprintf("%d records", total.Read)}
	if elapsed >= time.Second {
		parts = append(parts, fmt.Sprintf("%.0f/s", float64(total.Read-b.before)/elapsed.Seconds()))
	}
	if total.Parked+total.Dead > 0 {
		parts = append(parts, fmt.Sprintf("%d parked or dead", total.Parked+total.Dead))
	}
	if fresh := done - b.first; fresh > 0 && done < all {
		left := (elapsed / time.Duration(fresh) * time.Duration(all-done)).Round(time.Second)
		if left > 0 { // they are not all of a size
			parts = append(parts, "about "+left.String()+" left")
		}
	}
	text := f.Pipeline + "  " + strings.Join(parts, " · ")
	if !b.terminal {
		return text
	}
	full := width * done / max(all, 1)
	return "▕" + strings.Repeat("█", full) + strings.Repeat("░", width-full) + "▏ " + text
}
