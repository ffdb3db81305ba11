package run

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Where pipelines write both ways, each direction remembers of every field what its source asked for last and what its
// target had when both agreed last. Of two new values it can so tell who changed what. What a direction writes comes
// back as news to the other one; it leaves a note, by which the other one knows it for what it is.
//
// Both may be at one pair at the same time, on one node or on two. A record may have been read before the other direction
// wrote to it, so where there is a note and the record is not as it says, the source is asked how it stands now. And what
// a direction made of a pair counts only if no new note came meanwhile; else it looks at both sides again.

// digests are short digests of values by their path: enough to tell whether a value changed, and no personal data.
type digests map[string]string

// memory is what a direction knows of a pair.
type memory struct {
	Wanted digests `json:"wanted,omitempty"` // by the source, last time
	There  digests `json:"there,omitempty"`  // in the target, when it last agreed
}

// note is what a direction leaves for the other one.
type note struct {
	By    string  `json:"by"`             // the record that it was left with, so that no two notes are alike
	Left  digests `json:"left,omitempty"` // the record it has written, which the other one will read
	There digests `json:"there"`          // the record it has read, all that the other one may write of it; nil = not read
}

// paired is a record's pair at a sink.
type paired struct {
	state.Pair
	memory
	note *note // nil = none is left
}

// Conflict is a field that was changed on both sides since they last agreed.
type Conflict struct {
	Field  string `json:"field"`
	Source any    `json:"source"`
	Target any    `json:"target"`
	Kept   string `json:"kept"` // "source" or "target"
}

// paired reads what is known of a record's pair.
func (e *execution) paired(ctx context.Context, s *pipelines.Sink, key string) (*paired, error) {
	var p paired
	err := e.durable(ctx, func() (err error) {
		p.Pair, err = e.store.Pair(ctx, s.Pair.Name, target(s), key)
		return err
	})
	if err != nil {
		return nil, &stop{err}
	}
	// What can't be read is as if it were not there: then the values themselves tell.
	_ = json.Unmarshal([]byte(p.Memory), &p.memory)
	if json.Unmarshal([]byte(p.Note), &p.note) != nil || !s.Pair.BothWays() {
		p.note = nil
	}
	return &p, nil
}

// had is what the target had at a path when both agreed last. The other direction's note is newer than the memory, and
// complete: what is not in it was empty.
func (p *paired) had(s *pipelines.Sink, path string) (had string, known bool) {
	if p.note == nil || p.note.There == nil {
		had, known = p.There[path]
		return had, known
	}
	if had, known = p.note.There[path]; !known && s.MayUpdate(path) {
		return empty, true
	}
	return had, known
}

// echo tells whether the record read is just as the other direction left it.
func (p *paired) echo(read any) bool {
	if p.note == nil || len(p.note.Left) == 0 {
		return false
	}
	for path, left := range p.note.Left {
		if digest(at(read, path)) != left {
			return false
		}
	}
	return true
}

// errCrossed says that the other direction has dealt with the pair at the same time.
var errCrossed = errors.New("the other direction wrote at the same time")

// outdated says that the source's record is not any more as it was read.
type outdated struct{ now map[string]any }

func (*outdated) Error() string { return "the record has changed since it was read" }

// current makes sure that a record read is not from before the other direction wrote to it. Somebody may have changed it
// after that, so what tells is how the fields written stand now; the error is an *outdated when that is otherwise.
func (e *execution) current(ctx context.Context, s *pipelines.Sink, w want, read any) error {
	fields, _ := read.(map[string]any)
	back := s.Pair.Back
	if w.pair.note == nil || len(w.pair.note.Left) == 0 || fields == nil || !back.Schema.GetCanLookup() {
		return nil
	}
	hits, err := e.lookup(ctx, e.pipeline.Source.Connection, back.Entity, &protocol.Query{Id: w.linkKey})
	if err != nil || len(hits) != 1 {
		if isClass(err, protocol.FailureClass_FAILURE_CLASS_NOT_FOUND) { // deleted: what was read is the last there is
			return nil
		}
		return err
	}
	there, err := record.DecodeObject(hits[0].GetFields())
	if err != nil {
		return invalid("connector.bad_answer", "%s answered fields of a %s that can't be read: %v",
			back.Connection.Address(), back.Entity, err)
	}
	now := maps.Clone(fields)
	for path, left := range w.pair.note.Left {
		top := pipelines.TopField(path)
		if value, ok := there[top]; ok || left == empty && top == path { // some systems leave out what is empty
			now[top] = value
		}
	}
	for path := range w.pair.note.Left {
		if digest(at(fields, path)) != digest(at(now, path)) {
			return &outdated{now}
		}
	}
	return nil
}

// afresh takes a record through the whole pipeline as it stands now, to its outcome.
func (e *execution) afresh(ctx context.Context, it *item, now map[string]any) error {
	payload, err := record.Encode(now)
	if err != nil {
		return invalid("sink.bad_value", "%v", err)
	}
	old := it.record
	it.record = &protocol.Record{
		Key: old.GetKey(), Operation: old.GetOperation(), OccurredAtMs: old.GetOccurredAtMs(), Meta: old.GetMeta(), Payload: payload,
	}
	it.at, it.outs, it.trail, it.glances = nil, nil, nil, nil
	e.prepare(ctx, it)
	vms := scripts{}
	defer vms.close()
	if err := e.advance(ctx, e.pipeline.Steps, it, vms); err != nil {
		return err
	}
	it.finish()
	return nil
}

// heard takes what the source says for what both agree on, and writes nothing.
func (e *execution) heard(ctx context.Context, s *pipelines.Sink, it *item, w want) (any, error) {
	e.effect(it, Effect{Step: s.Name, Entity: s.Entity, Action: ActionUnchanged, ID: w.pair.ID, Echo: true})
	known := memory{Wanted: leavesOf(w.fields), There: digests{}}
	for path := range known.Wanted {
		if had, ok := w.pair.had(s, path); ok {
			known.There[path] = had
		}
	}
	if err := e.keepPair(ctx, s, it, w, w.pair.ID, merged{memory: known}); err != nil {
		return nil, err
	}
	e.linked(it, s, w, w.pair.ID, "")
	return resulting(s, nil, w.fields, w.pair.ID), nil
}

// taken refuses to pair a record with one that belongs to another already.
func (e *execution) taken(ctx context.Context, s *pipelines.Sink, w want, id string) error {
	if w.pair == nil || !s.Pair.Direct || w.pair.ID == id {
		return nil
	}
	owner, err := e.owner(ctx, s, id)
	if err != nil || owner == "" || owner == w.linkKey {
		return err
	}
	return invalid("pair.taken", "%s %s already belongs to %s of %s, so %s can't belong to it too: two of a kind match it; merge them, or tell them apart",
		s.Entity, id, owner, s.Pair.From, w.linkKey)
}

// owner is the record that one of the target belongs to, "" when it is nobody's.
func (e *execution) owner(ctx context.Context, s *pipelines.Sink, id string) (string, error) {
	var back state.Pair
	err := e.durable(ctx, func() (err error) {
		back, err = e.store.Pair(ctx, s.Pair.Name, s.Pair.From, id)
		return err
	})
	if err != nil {
		return "", &stop{err}
	}
	return back.ID, nil
}

// merged is what becomes of a record when both sides may have changed it.
type merged struct {
	fields             map[string]any // as they are to stand in the target
	changes, protected []record.Change
	conflicts          []Conflict
	memory             memory
	left               digests // by which the other direction knows that nobody but us has touched the target
}

// merge puts together what the source wants and what the target has, field by field: whoever changed a field since
// both agreed counts. Where both did, or nobody remembers, the source's value counts if the sink says that it prevails,
// else the target's. That decides it: the other direction finds only the one side changed, and carries it over.
func (p *paired) merge(s *pipelines.Sink, have, want map[string]any) merged {
	m := merged{fields: clone(want), memory: memory{Wanted: digests{}, There: digests{}}, left: digests{}}
	wanted := leaves(want)
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		ours, theirs := wanted[path], at(have, path)
		asked, known := p.Wanted[path]
		had, agreed := p.had(s, path)
		news, moved := !known || asked != digest(ours), !agreed || had != digest(theirs)
		m.memory.Wanted[path], m.left[path] = digest(ours), digest(ours)
		if agreed {
			m.memory.There[path] = had
		}
		change := record.Change{Field: path, From: theirs, To: ours}
		write := news && (!moved || s.Pair.Prevails(path))
		if moved && (!known || !agreed) { // paired for the first time: nothing is no value, and is filled from the other side
			write = digest(ours) != empty && (write || digest(theirs) == empty)
		}
		switch {
		case digest(ours) == digest(theirs):
			m.memory.There[path] = digest(theirs)
			continue
		case write && s.MayUpdate(path):
			m.changes = append(m.changes, change)
			m.memory.There[path] = digest(ours)
		default:
			if write {
				m.protected = append(m.protected, change)
			}
			if !moved { // a difference that is known and stays
				m.left[path] = digest(theirs)
			}
			write = false
			put(m.fields, path, theirs)
		}
		if news && moved && known && agreed {
			m.conflicts = append(m.conflicts, Conflict{Field: path, Source: ours, Target: theirs, Kept: kept(write)})
		}
	}
	return m
}

func kept(written bool) string {
	if written {
		return "source"
	}
	return "target"
}

// made is what becomes of a record that is new in the target.
func made(fields map[string]any) merged {
	all := leavesOf(fields)
	return merged{fields: fields, memory: memory{Wanted: all, There: all}, left: all}
}

// keepPair makes durable which record belongs to which, what this direction now knows of both, and what the other one
// must know to recognise its own change when it reads it. It is errCrossed, and nothing is kept, when the other one has
// left a note since the pair was read.
func (e *execution) keepPair(ctx context.Context, s *pipelines.Sink, it *item, w want, id string, m merged) error {
	if s.Pair == nil || e.plan != nil {
		return nil
	}
	if !s.Pair.Direct { // whoever comes along with another record may use what belongs to one like it, no more
		if owner, err := e.owner(ctx, s, id); err != nil || owner != "" && owner != w.linkKey {
			return err
		}
	}
	own := state.Pair{Name: s.Pair.Name, Target: target(s), Key: w.linkKey, ID: id}
	back := state.Pair{Name: s.Pair.Name, Target: s.Pair.From, Key: id, ID: w.linkKey}
	if s.Pair.BothWays() {
		own.Memory, own.Note = text(m.memory), w.pair.Note
	}
	if m.left != nil && s.Pair.Back != nil {
		n := note{By: e.recordID(it), Left: m.left}
		if s.Pair.Direct {
			n.There = writableLeaves(s.Pair.Back, it.scope.Slots[pipelines.SlotSource])
		}
		back.Note = text(n)
	}
	kept := false
	err := e.durable(ctx, func() (err error) {
		kept, err = e.store.KeepPair(ctx, own, back)
		return err
	})
	switch {
	case err != nil:
		return &stop{err}
	case !kept:
		return errCrossed
	}
	return nil
}

func text(v any) string {
	data, _ := json.Marshal(v) // texts only
	return string(data)
}

// writableLeaves are the parts of a record that a sink may change.
func writableLeaves(s *pipelines.Sink, read any) digests {
	fields, _ := read.(map[string]any)
	out := digests{}
	for path, value := range leaves(fields) {
		if s.MayUpdate(path) {
			out[path] = digest(value)
		}
	}
	return out
}

// ---- records as values by path

// leaves are a record's values by path; what is inside an object counts by itself, a list as a whole.
func leaves(fields map[string]any) map[string]any {
	out := map[string]any{}
	flatten(out, "", fields)
	return out
}

func flatten(out map[string]any, path string, fields map[string]any) {
	for name, value := range fields {
		if path != "" {
			name = path + "." + name
		}
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			flatten(out, name, inner)
			continue
		}
		out[name] = value
	}
}

func leavesOf(fields map[string]any) digests {
	out := digests{}
	for path, value := range leaves(fields) {
		out[path] = digest(value)
	}
	return out
}

// empty is the digest of nothing.
const empty = "-"

// digest of a value. Null, an empty text and what is not there are one: systems differ in how they say nothing.
func digest(v any) string {
	switch v {
	case nil, "":
		return empty
	}
	return record.Hash(v)[:16]
}

// at is the value at a path, nil when there is none.
func at(v any, path string) any {
	fields, _ := v.(map[string]any)
	if value, ok := fields[path]; ok {
		return value
	}
	for i := range len(path) {
		if path[i] == '.' {
			if inner, ok := fields[path[:i]].(map[string]any); ok {
				return at(inner, path[i+1:])
			}
		}
	}
	return nil
}

// put sets the value at a path that is there.
func put(fields map[string]any, path string, value any) {
	if _, ok := fields[path]; ok {
		fields[path] = value
		return
	}
	for i := range len(path) {
		if path[i] == '.' {
			if inner, ok := fields[path[:i]].(map[string]any); ok {
				put(inner, path[i+1:], value)
				return
			}
		}
	}
}

// clone copies the objects in a record, so that they can be changed.
func clone(fields map[string]any) map[string]any {
	out := maps.Clone(fields)
	for name, value := range out {
		if inner, ok := value.(map[string]any); ok {
			out[name] = clone(inner)
		}
	}
	return out
}
