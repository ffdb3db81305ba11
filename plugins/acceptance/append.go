package acceptance

import (
	"context"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

var appending = []check{
	{
		id: "append.order", level: Exact, on: eachWrite, applies: appended,
		promise: "batches stand in the order they were sent, and each answer has a position",
		try: func(ctx context.Context, t *trial) {
			w := t.append(ctx, t.connect(ctx, t.host), "")
			defer func() { _ = w.Close() }()
			positions := map[string]bool{}
			for range 3 {
				positions[t.appendBatch(ctx, w)] = true
			}
			if len(positions) != 3 || positions[""] {
				t.failf("three batches were answered with %d positions", len(positions))
			}
		},
	},
	{
		id: "append.cut_back", level: Exact, on: eachWrite, applies: readBack,
		promise: "who begins at a position finds the target as it was there: what came after it is gone",
		try:     func(ctx context.Context, t *trial) { cutBack(ctx, t, t.host, func() {}) },
	},
	{
		id: "append.killed", level: Enduring, on: eachWrite, applies: readBack,
		promise: "what was answered is there once, although the process was killed and the batch after it came in between",
		try: func(ctx context.Context, t *trial) {
			h := t.newHost(0)
			defer h.Close()
			cutBack(ctx, t, h, func() { kill(t.pid(h)) })
		},
	},
}

func appended(j *judge, s subject) string {
	if !j.entity(s.write.Entity).GetAppendOnly() {
		return "it is not append-only"
	}
	return ""
}

func readBack(j *judge, s subject) string {
	if why := appended(j, s); why != "" {
		return why
	}
	if !j.entity(s.write.Entity).GetCanRead() {
		return "it can't be read back"
	}
	return ""
}

// cutBack writes a batch that is settled and one that is not, lets happen what may in between, and goes on from the first.
func cutBack(ctx context.Context, t *trial, h *host.Host, between func()) {
	c := t.connect(ctx, h)
	w := t.append(ctx, c, "")
	kept := t.appendBatch(ctx, w)
	standing := t.standing(ctx, c)
	t.appendBatch(ctx, w) // never settled
	between()
	_ = w.Close()
	c = t.connect(ctx, t.host)
	w = t.append(ctx, c, kept)
	t.appendBatch(ctx, w)
	_ = w.Close()
	if got := t.standing(ctx, c); got != standing+2 {
		t.failf("with %d records at the position, and two more written, it has %d", standing, got)
	}
}

func (t *trial) append(ctx context.Context, c *host.Connection, position string) *host.Writer {
	w, err := c.Writer(ctx, &protocol.WriteStart{Entity: t.write.Entity, Position: position, Options: encode(t.write.Options)})
	if err != nil {
		t.fatalf("it can't be written at %q: %v", position, err)
	}
	return w
}

// appendBatch writes two records and returns the position after them.
func (t *trial) appendBatch(ctx context.Context, w *host.Writer) string {
	results, err := w.Write(ctx, []*protocol.Op{create(t.fresh().fields), create(t.fresh().fields)})
	if err != nil {
		t.fatalf("the batch failed: %v", err)
	}
	for _, r := range results.GetResults() {
		if f := r.GetFailure(); f != nil {
			t.fatalf("the batch failed: %s", f.GetMessage())
		}
	}
	return results.GetPosition()
}

// standing counts the records in the target, where a batch was answered a moment ago.
func (t *trial) standing(ctx context.Context, c *host.Connection) int {
	reader := *t
	reader.read = &Read{Entity: t.write.Entity, Options: map[string]any{}}
	for _, r := range t.options.Spec.Reads {
		if r.Entity == t.write.Entity {
			reader.read = &r
		}
	}
	got, err := reader.readFrom(ctx, c, "")
	if err != nil {
		t.fatalf("it can't be read back: %v", err)
	}
	if len(got.records) < 2 {
		t.fatalf("a batch of 2 was answered, and %d records can be read back", len(got.records))
	}
	return len(got.records)
}
