package acceptance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

var writing = []check{
	{
		id: "write.create", level: Exact, on: eachWrite, applies: notAppended,
		promise: "what was created has an id, and a look-up finds exactly it, with the values that were sent",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			id := t.create(ctx, c, sent.fields)
			found := t.find(ctx, c, sent.match)
			if found.GetId() != id {
				t.failf("the create answered with id %s, the look-up with %s", id, found.GetId())
			}
			t.same("after the create", found, sent.fields)
		},
	},
	{
		id: "write.exact", level: Exact, on: eachWrite, applies: matched,
		promise: "a look-up finds what is equal, never what is only alike",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			t.create(ctx, c, sent.fields)
			for name, value := range sent.match {
				text, ok := value.(string)
				if !ok || len(text) < 4 {
					continue
				}
				alike := maps.Clone(sent.match)
				for _, part := range []string{text[:len(text)-2], text + "x", text[:1] + "%"} {
					alike[name] = part
					if hits := t.lookup(ctx, c, alike); len(hits) > 0 {
						t.failf("%s = %q finds the record whose %s is %q", name, part, name, text)
					}
				}
			}
		},
	},
	{
		id: "write.lookups", level: Exact, on: eachWrite, applies: matched,
		promise: "several questions in one call are answered one by one and in order, also those that find nothing",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			one, two, none := t.fresh(), t.fresh(), t.fresh()
			ids := []string{t.create(ctx, c, one.fields), "", t.create(ctx, c, two.fields)}
			var queries []*protocol.Query
			for _, sent := range []sample{one, none, two} {
				queries = append(queries, question(sent.match))
			}
			all, err := c.Lookup(ctx, t.write.Entity, queries)
			if err != nil {
				t.fatalf("the look-up failed: %v", err)
			}
			for i, hits := range all {
				t.ears.exchanges(hits.GetExchanges())
				if hits.GetFailure() != nil {
					t.failf("question %d: %s", i+1, hits.GetFailure().GetMessage())
					continue
				}
				var got string
				if len(hits.GetFound()) > 0 {
					got = hits.GetFound()[0].GetId()
				}
				if got != ids[i] {
					t.failf("question %d was answered with %q instead of %q", i+1, got, ids[i])
				}
			}
		},
	},
	{
		id: "write.update", level: Exact, on: eachWrite, applies: updatable,
		promise: "an update changes the fields that were sent, and no others",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			id := t.create(ctx, c, sent.fields)
			before := t.find(ctx, c, sent.match)
			changes, _ := filled(t.write.Update, t.next()).(map[string]any)
			r := t.one(ctx, c, &protocol.Op{
				Operation: protocol.Operation_OPERATION_UPDATE, Key: "k", Id: id, Version: before.GetVersion(), Payload: encode(changes),
			})
			if f := r.GetFailure(); f != nil {
				t.fatalf("the update was refused: %s", f.GetMessage())
			}
			after := t.find(ctx, c, sent.match)
			t.same("after the update", after, changes)
			kept := decode(before.GetFields())
			for name := range changes {
				delete(kept, name)
			}
			for name := range kept { // what the system itself keeps book of may change
				if _, ours := sent.fields[name]; !ours {
					delete(kept, name)
				}
			}
			t.same("an update of other fields", after, kept)
		},
	},
	{
		id: "write.version", level: Exact, on: eachWrite, applies: updatable,
		promise: "an update with an old version is a CONFLICT, where versions are given",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			id := t.create(ctx, c, sent.fields)
			found := t.find(ctx, c, sent.match)
			if found.GetVersion() == "" {
				t.skip("its records have no version")
			}
			op := func(version string) *protocol.Result {
				changes := encode(filled(t.write.Update, t.next()))
				return t.one(ctx, c, &protocol.Op{Operation: protocol.Operation_OPERATION_UPDATE, Key: "k", Id: id, Version: version, Payload: changes})
			}
			if f := op(found.GetVersion()).GetFailure(); f != nil {
				t.fatalf("an update with the right version was refused: %s", f.GetMessage())
			}
			if class := op(found.GetVersion()).GetFailure().GetClass(); class != protocol.FailureClass_FAILURE_CLASS_CONFLICT {
				t.failf("an update with the version of before the last update was answered with %s", name(class))
			}
		},
	},
	{
		id: "write.unknown_id", level: Exact, on: eachWrite, applies: updatable,
		promise: "an update of something that is not there is NOT_FOUND",
		try: func(ctx context.Context, t *trial) {
			changes := encode(filled(t.write.Update, t.next()))
			r := t.one(ctx, t.connect(ctx, t.host), &protocol.Op{
				Operation: protocol.Operation_OPERATION_UPDATE, Key: "k", Id: "999999999", Payload: changes,
			})
			if class := r.GetFailure().GetClass(); class != protocol.FailureClass_FAILURE_CLASS_NOT_FOUND {
				t.failf("it was answered with %s", name(class))
			}
		},
	},
	{
		id: "write.partly", level: Exact, on: eachWrite, applies: notAppended,
		promise: "one bad operation in a batch is INVALID, and the others are done",
		try: func(ctx context.Context, t *trial) {
			if len(t.write.Invalid) == 0 {
				t.skip("the specification has no invalid fields")
			}
			c := t.connect(ctx, t.host)
			good, bad, also := t.fresh(), t.fresh(), t.fresh()
			maps.Copy(bad.fields, t.write.Invalid)
			results := t.batch(ctx, c, create(good.fields), create(bad.fields), create(also.fields))
			for i, r := range results {
				t.ears.exchanges(r.GetExchanges())
				f := r.GetFailure()
				if i == 1 && f.GetClass() != protocol.FailureClass_FAILURE_CLASS_INVALID {
					t.failf("the bad one was answered with %s", name(f.GetClass()))
				}
				if i != 1 && f != nil {
					t.failf("a good one beside it was refused: %s", f.GetMessage())
				}
			}
			if len(t.write.Match) > 0 {
				t.find(ctx, c, good.match)
				t.find(ctx, c, also.match)
				if hits := t.lookup(ctx, c, bad.match); len(hits) > 0 {
					t.failf("the bad one was refused and stored")
				}
			}
		},
	},
	{
		id: "write.text", level: Exact, on: eachWrite, applies: matched,
		promise: "text comes back letter for letter, or is refused: never cut or changed in silence",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			for _, text := range []string{`Æ ß ğ 漢字 😀 "quoted" <b>&amp; \ end`, strings.Repeat("long ", 20000)} {
				sent := t.fresh()
				field := t.freeText(sent)
				sent.fields[field] = text
				r := t.batch(ctx, c, create(sent.fields))[0]
				t.ears.exchanges(r.GetExchanges())
				switch f := r.GetFailure(); {
				case f.GetClass() == protocol.FailureClass_FAILURE_CLASS_INVALID:
				case f != nil:
					t.failf("%s of %d characters was answered with %s", field, len(text), name(f.GetClass()))
				default:
					got := decode(t.find(ctx, c, sent.match).GetFields())[field]
					if got != any(text) {
						t.failf("%s of %d characters came back as %.60q", field, len(text), fmt.Sprint(got))
					}
				}
			}
		},
	},
	{
		id: "write.delete", level: Exact, on: eachWrite,
		promise: "what was deleted is not found any more",
		applies: func(j *judge, s subject) string {
			if !j.entity(s.write.Entity).GetCanDelete() {
				return "it can't be deleted"
			}
			return matched(j, s)
		},
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			id := t.create(ctx, c, sent.fields)
			r := t.one(ctx, c, &protocol.Op{Operation: protocol.Operation_OPERATION_DELETE, Key: "k", Id: id})
			if f := r.GetFailure(); f != nil {
				t.fatalf("the delete was refused: %s", f.GetMessage())
			}
			if hits := t.lookup(ctx, c, sent.match); len(hits) > 0 {
				t.failf("it is still found")
			}
		},
	},
	{
		id: "write.late", level: Enduring, on: eachWrite, applies: matched,
		promise: "a batch that may not go out any more is TRANSIENT, and nothing of it is stored",
		try: func(ctx context.Context, t *trial) {
			c := t.connect(ctx, t.host)
			sent := t.fresh()
			r := t.one(host.BeginBefore(ctx, time.Now().Add(-time.Second)), c, create(sent.fields))
			if class := r.GetFailure().GetClass(); class != protocol.FailureClass_FAILURE_CLASS_TRANSIENT {
				t.failf("the batch was to go out a second ago at the latest, and was answered with %s", name(class))
			}
			if len(t.lookup(ctx, c, sent.match)) > 0 {
				t.failf("it was stored all the same")
			}
		},
	},
	{
		id: "write.killed", level: Enduring, on: eachWrite, applies: matched,
		promise: "what was answered to be stored is there, although the process was killed right after",
		try: func(ctx context.Context, t *trial) {
			h := t.newHost(0)
			defer h.Close()
			c := t.connect(ctx, h)
			sent := t.fresh()
			t.create(ctx, c, sent.fields)
			kill(t.pid(h))
			t.find(ctx, t.connect(ctx, t.host), sent.match)
		},
	},
}

func notAppended(j *judge, s subject) string {
	if j.entity(s.write.Entity).GetAppendOnly() {
		return "it is append-only"
	}
	return ""
}

func matched(j *judge, s subject) string {
	if why := notAppended(j, s); why != "" {
		return why
	}
	if len(s.write.Match) == 0 || !j.entity(s.write.Entity).GetCanLookup() {
		return "the specification does not say what to match by"
	}
	return ""
}

func updatable(j *judge, s subject) string {
	if !j.entity(s.write.Entity).GetCanUpdate() || len(s.write.Update) == 0 {
		return "it can't be updated, or the specification does not say with what"
	}
	return matched(j, s)
}

func name(class protocol.FailureClass) string {
	if class == protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED {
		return "success"
	}
	return strings.TrimPrefix(class.String(), "FAILURE_CLASS_")
}

func encode(v any) []byte {
	data, err := record.Encode(v)
	if err != nil {
		panic(err) // the specification was decoded from such values
	}
	return data
}

func decode(data []byte) map[string]any {
	m, _ := record.DecodeObject(data)
	return m
}

func question(match map[string]any) *protocol.Query { return &protocol.Query{Match: encode(match)} }

func create(fields map[string]any) *protocol.Op {
	return &protocol.Op{Operation: protocol.Operation_OPERATION_CREATE, Key: "k", Payload: encode(fields)}
}

// next is a text that no other record of this or another run has.
func (t *trial) next() string {
	t.unique++
	return fmt.Sprintf("%s%d", t.run, t.unique)
}

// sample is a record that is not there yet, and what finds it once it is.
type sample struct{ fields, match map[string]any }

func (t *trial) fresh() sample {
	unique := t.next()
	fields, _ := filled(t.write.Create, unique).(map[string]any)
	match, _ := filled(t.write.Match, unique).(map[string]any)
	return sample{fields, match}
}

// freeText is a field that holds text and is not matched by.
func (t *trial) freeText(s sample) string {
	for _, f := range t.entity.GetFields() {
		if _, isText := s.fields[f.GetName()].(string); isText && s.match[f.GetName()] == nil && len(f.GetValues()) == 0 &&
			f.GetReferences() == "" && f.GetType() == protocol.FieldType_FIELD_TYPE_STRING {
			return f.GetName()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) { // which a target with open fields need not describe
		if _, isText := s.fields[name].(string); isText && s.match[name] == nil && t.entity.GetOpenFields() && len(t.entity.GetFields()) == 0 {
			return name
		}
	}
	t.skip("the specification creates no text field beside those it matches by")
	return ""
}

func (t *trial) batch(ctx context.Context, c *host.Connection, ops ...*protocol.Op) []*protocol.Result {
	w, err := c.Writer(ctx, &protocol.WriteStart{Entity: t.write.Entity, Options: encode(t.write.Options)})
	if err != nil {
		t.fatalf("it can't be written: %v", err)
	}
	defer func() { _ = w.Close() }()
	results, err := w.Write(ctx, ops)
	if err != nil {
		t.ears.hear("a failure", err.Error())
		t.fatalf("the batch as a whole failed: %v", err)
	}
	return results.GetResults()
}

func (t *trial) one(ctx context.Context, c *host.Connection, op *protocol.Op) *protocol.Result {
	r := t.batch(ctx, c, op)[0]
	t.ears.exchanges(r.GetExchanges())
	t.ears.hear("a failure", r.GetFailure().GetMessage()+r.GetFailure().GetRemoteMessage())
	return r
}

func (t *trial) create(ctx context.Context, c *host.Connection, fields map[string]any) (id string) {
	r := t.one(ctx, c, create(fields))
	if f := r.GetFailure(); f != nil {
		t.fatalf("the create was refused: %s", f.GetMessage())
	}
	if r.GetId() == "" {
		t.fatalf("the create answered with no id")
	}
	return r.GetId()
}

func (t *trial) lookup(ctx context.Context, c *host.Connection, match map[string]any) []*protocol.Found {
	all, err := c.Lookup(ctx, t.write.Entity, []*protocol.Query{question(match)})
	if err != nil {
		t.fatalf("the look-up failed: %v", err)
	}
	t.ears.exchanges(all[0].GetExchanges())
	if f := all[0].GetFailure(); f != nil {
		t.fatalf("the look-up failed: %s", f.GetMessage())
	}
	return all[0].GetFound()
}

// find looks for the one record with these values.
func (t *trial) find(ctx context.Context, c *host.Connection, match map[string]any) *protocol.Found {
	if len(match) == 0 {
		t.skip("the specification does not say what to match by")
	}
	found := t.lookup(ctx, c, match)
	if len(found) != 1 {
		t.fatalf("a look-up by %s finds %d records instead of the one that was stored", encode(match), len(found))
	}
	return found[0]
}

func (t *trial) same(when string, found *protocol.Found, want map[string]any) {
	for _, d := range record.Diff(decode(found.GetFields()), want) {
		t.failf("%s, %s is %v instead of %v", when, d.Field, d.From, d.To)
	}
}
