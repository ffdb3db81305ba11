package acceptance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

const batchSize = 10 // small, so that little data already has places to resume at

var reading = []check{
	{
		id: "read.all", level: Exact, on: eachRead,
		promise: "every record has a key and a JSON object, and the read comes to its end",
		try: func(ctx context.Context, t *trial) {
			got := t.mustRead(ctx, "")
			if len(got.records) < t.read.AtLeast {
				t.failf("%d records were read; the specification says there are at least %d", len(got.records), t.read.AtLeast)
			}
			for i, r := range got.records {
				if r.GetKey() == "" {
					t.failf("record %d has no key", i+1)
				}
				if _, err := record.DecodeObject(r.GetPayload()); err != nil && r.GetFailure() == nil {
					t.failf("record %s: its payload is no JSON object: %v", r.GetKey(), err)
				}
			}
		},
	},
	{
		id: "read.schema", level: Exact, on: eachRead,
		promise: "what is delivered is what is described: no field more, and each of its type",
		try: func(ctx context.Context, t *trial) {
			wrong := map[string]bool{} // told once, however many records have it
			for _, r := range t.mustRead(ctx, "").records {
				payload, err := record.DecodeObject(r.GetPayload())
				if err != nil || r.GetFailure() != nil {
					continue
				}
				conforms(t.entity.GetName(), payload, t.entity.GetFields(), t.entity.GetOpenFields(), func(path, what string) {
					if !wrong[path] {
						wrong[path] = true
						t.failf("%s %s, in record %s", path, what, r.GetKey())
					}
				})
			}
		},
	},
	{
		id: "read.repeat", level: Exact, on: eachRead,
		promise: "a second read of a system at rest gives the same records in the same order",
		try: func(ctx context.Context, t *trial) {
			first, second := t.mustRead(ctx, ""), t.mustRead(ctx, "")
			if len(first.records) != len(second.records) {
				t.fatalf("the first read gave %d records, the second %d", len(first.records), len(second.records))
			}
			for i, r := range first.records {
				if again := second.records[i]; r.GetKey() != again.GetKey() {
					t.fatalf("record %d was %s in the first read and %s in the second", i+1, r.GetKey(), again.GetKey())
				} else if string(r.GetPayload()) != string(again.GetPayload()) {
					t.fatalf("record %s differs between two reads", r.GetKey())
				}
			}
		},
	},
	{
		id: "read.resume", level: Exact, on: eachRead,
		promise: "a read that begins at any cursor misses nothing of what comes after it, and keeps the order",
		try:     resume,
	},
	{
		id: "read.bad_cursor", level: Exact, on: eachRead,
		promise: "a cursor that makes no sense is an error, never an empty read",
		try: func(ctx context.Context, t *trial) {
			all := t.mustRead(ctx, "")
			got, err := t.readFrom(ctx, t.connect(ctx, t.host), "\x01no cursor of yours")
			if err == nil && len(got.records) < len(all.records) {
				t.failf("%d of %d records were read without a word", len(got.records), len(all.records))
			}
		},
	},
	{
		id: "read.cancel", level: Enduring, on: eachRead,
		promise: "a read that nobody wants any more ends, and the connection goes on",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			for range 5 {
				stream, err := c.Read(ctx, t.start(""))
				if err == nil {
					_, err = stream.Next()
				}
				if err != nil && !errors.Is(err, io.EOF) {
					t.fatalf("it can't be read: %v", err)
				}
				_ = stream.Close()
			}
			if _, err := t.readFrom(ctx, c, ""); err != nil {
				t.failf("after five reads that were broken off: %v", err)
			}
		},
	},
	{
		id: "read.killed", level: Enduring, on: eachRead,
		promise: "when the process is killed in a read, the next one goes on from the last cursor and misses nothing",
		try:     killedReading,
	},
}

// whole is a read from its beginning to its end.
type whole struct {
	records []*protocol.Record
	places  []place // where it may be resumed
	end     string
}

// place is a cursor and how many records came before it.
type place struct {
	cursor string
	before int
}

func (t *trial) start(cursor string) *protocol.ReadStart {
	options, _ := record.Encode(t.read.Options)
	return &protocol.ReadStart{Entity: t.read.Entity, Cursor: cursor, Options: options, BatchSize: batchSize}
}

// readFrom reads to the end, or to a failure: then it returns what came before it too.
func (t *trial) readFrom(ctx context.Context, c *host.Connection, cursor string) (*whole, error) {
	got := &whole{}
	stream, err := c.Read(ctx, t.start(cursor))
	if err != nil {
		return got, err
	}
	defer func() { _ = stream.Close() }()
	for {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			got.end = stream.End()
			return got, nil
		}
		if err != nil {
			t.ears.hear("a failure", err.Error())
			return got, err
		}
		got.records = append(got.records, b.GetRecords()...)
		if b.GetCursor() != "" && !b.GetMore() {
			got.places = append(got.places, place{b.GetCursor(), len(got.records)})
		}
	}
}

func (t *trial) mustRead(ctx context.Context, cursor string) *whole {
	got, err := t.readFrom(ctx, t.connect(ctx, t.host), cursor)
	if err != nil {
		t.fatalf("the read failed after %d records: %v", len(got.records), err)
	}
	return got
}

func resume(ctx context.Context, t *trial) {
	all := t.mustRead(ctx, "")
	places := all.places
	if len(places) > 8 { // the first and the last ones, and some between
		step := len(places) / 6
		places = slices.Concat(places[:1], every(places[1:len(places)-1], step), places[len(places)-1:])
	}
	if len(places) == 0 {
		t.skip("the read gives no cursors: it always begins again")
	}
	for _, p := range places {
		rest := t.mustRead(ctx, p.cursor)
		if missing, key := missed(all.records[p.before:], rest.records); missing != "" {
			t.failf("from the cursor after record %d (%s): %s %s", p.before, p.cursor, missing, key)
		}
	}
}

func every[T any](list []T, step int) (out []T) {
	for i := 0; i < len(list); i += step {
		out = append(out, list[i])
	}
	return out
}

// missed says what of want does not come in got, in that order; got may have more.
func missed(want, got []*protocol.Record) (what, key string) {
	next := 0
	for _, w := range want {
		at := slices.IndexFunc(got[next:], func(g *protocol.Record) bool { return g.GetKey() == w.GetKey() })
		if at < 0 {
			if slices.ContainsFunc(got, func(g *protocol.Record) bool { return g.GetKey() == w.GetKey() }) {
				return "out of order:", w.GetKey()
			}
			return "missing:", w.GetKey()
		}
		next += at + 1
	}
	return "", ""
}

func killedReading(ctx context.Context, t *trial) {
	all := t.mustRead(ctx, "")
	if len(all.places) < 2 {
		t.skip(fmt.Sprintf("%d records in steps of %d give too few places to resume at", len(all.records), batchSize))
	}
	h := t.newHost(1)
	defer h.Close()
	c := t.connect(ctx, h)
	stream, err := c.Read(ctx, t.start(""))
	if err != nil {
		t.fatalf("it can't be read: %v", err)
	}
	defer func() { _ = stream.Close() }()
	var before []*protocol.Record
	var cursor string
	for cursor == "" {
		b, err := stream.Next()
		if err != nil {
			t.fatalf("it can't be read: %v", err)
		}
		before = append(before, b.GetRecords()...)
		cursor = b.GetCursor()
	}
	stream.Committed(cursor)
	kill(t.pid(h))
	rest, err := t.readFrom(ctx, c, cursor)
	for wait := time.Millisecond; err != nil && wait < time.Second; wait *= 2 { // the dead one may have to be noticed first
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		rest, err = t.readFrom(ctx, c, cursor)
	}
	if err != nil {
		t.fatalf("after the restart: %v", err)
	}
	if missing, key := missed(all.records[len(before):], rest.records); missing != "" {
		t.failf("after the restart, %s %s", missing, key)
	}
}

var (
	date     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	integral = regexp.MustCompile(`^-?\d+$`)
)

// conforms reports what in an object differs from its description. null stands for "known to be empty" in any field.
func conforms(path string, got map[string]any, fields []*protocol.Field, open bool, report func(path, what string)) {
	described := map[string]*protocol.Field{}
	for _, f := range fields {
		described[f.GetName()] = f
	}
	for name, value := range got {
		at := path + "." + name
		f := described[name]
		switch {
		case f == nil && !open:
			report(at, "is not described")
		case f != nil && value != nil:
			if what := conformsTo(value, f, at, report); what != "" {
				report(at, what)
			}
		}
	}
}

func conformsTo(value any, f *protocol.Field, at string, report func(path, what string)) string {
	text, isText := value.(string)
	number, isNumber := value.(record.Number)
	wrong := func(want string) string { return "is " + record.Kind(value) + ", described as " + want }
	switch f.GetType() {
	case protocol.FieldType_FIELD_TYPE_STRING:
		if !isText {
			return wrong("text")
		}
		if len(f.GetValues()) > 0 && !slices.Contains(f.GetValues(), text) {
			return fmt.Sprintf("is %q, which is none of the values described", text)
		}
	case protocol.FieldType_FIELD_TYPE_INTEGER:
		if !isNumber || !integral.MatchString(string(number)) {
			return wrong("an integer")
		}
	case protocol.FieldType_FIELD_TYPE_DECIMAL:
		if !isNumber {
			return wrong("a decimal")
		}
	case protocol.FieldType_FIELD_TYPE_BOOL:
		if _, ok := value.(bool); !ok {
			return wrong("a bool")
		}
	case protocol.FieldType_FIELD_TYPE_DATE:
		if !isText || !date.MatchString(text) {
			return fmt.Sprintf("is %v, described as a date such as 2026-01-31", value)
		}
	case protocol.FieldType_FIELD_TYPE_DATETIME:
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			return fmt.Sprintf("is %v, described as a time with a zone such as 2026-01-31T09:30:00+01:00", value)
		}
	case protocol.FieldType_FIELD_TYPE_OBJECT:
		object, ok := value.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		conforms(at, object, f.GetFields(), len(f.GetFields()) == 0, report)
	case protocol.FieldType_FIELD_TYPE_LIST:
		list, ok := value.([]any)
		if !ok {
			return wrong("a list")
		}
		for _, item := range list {
			if object, ok := item.(map[string]any); ok && len(f.GetFields()) > 0 {
				conforms(at+"[]", object, f.GetFields(), false, report)
			} else if item != nil && f.GetItems() != protocol.FieldType_FIELD_TYPE_UNSPECIFIED {
				if what := conformsTo(item, &protocol.Field{Type: f.GetItems()}, at+"[]", report); what != "" {
					report(at+"[]", what)
				}
			}
		}
	}
	return ""
}
