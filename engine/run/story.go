package run

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// stage is the record as a transform left it.
type stage struct {
	step   string
	record any
}

// Masked stands where personal data stood.
const Masked = "•••"

// teller tells the stories of a pipeline's records.
type teller struct {
	full     bool
	personal map[string]bool // names of fields that hold personal data wherever they stand
	source   []*protocol.Field
	sinks    map[string][]*protocol.Field // by step
}

func newTeller(p *pipelines.Pipeline) *teller {
	t := &teller{full: p.Payloads == "full", personal: map[string]bool{}, sinks: map[string][]*protocol.Field{}}
	if p.Source != nil {
		t.source = p.Source.Schema.GetFields()
	}
	for _, step := range p.Steps {
		if s, ok := step.(*pipelines.Sink); ok {
			t.sinks[s.Name] = s.Schema.GetFields()
		}
	}
	others := map[string]bool{} // a name that also means something else, such as that of a product, says nothing
	for _, fields := range append(slices.Collect(maps.Values(t.sinks)), t.source) {
		t.learn(fields, false, others)
	}
	maps.DeleteFunc(t.personal, func(name string, _ bool) bool { return others[name] })
	return t
}

func (t *teller) learn(fields []*protocol.Field, within bool, others map[string]bool) {
	for _, f := range fields {
		switch pii := within || f.GetPii(); {
		case len(f.GetFields()) > 0:
			t.learn(f.GetFields(), pii, others)
		case pii:
			t.personal[f.GetName()] = true
		default:
			others[f.GetName()] = true
		}
	}
}

// tell adds an item's story to a settlement.
func (e *execution) tell(s *state.Settlement, it *item, mask *mask) {
	body, err := record.Encode(e.teller.story(it, mask))
	if err != nil {
		return // a value that has no JSON form was told as the item's failure
	}
	s.Stories = append(s.Stories, state.Story{RecordID: e.recordID(it), At: it.start, Body: body})
}

// findable adds what an item can be found by: also each e-mail address in it, so that a person can be found and erased.
func (e *execution) findable(s *state.Settlement, it *item) {
	key := it.record.GetKey()
	terms := map[string]bool{key: true} // which needs no mention
	mention := func(text string) {
		if term := e.store.SearchTerm(text); term != "" && len(term) <= 200 && !terms[term] {
			terms[term] = true
			s.Mentions = append(s.Mentions, state.Mention{Term: term, Key: key})
		}
	}
	for _, effect := range it.effects {
		mention(effect.ID)
	}
	for _, text := range it.mentions {
		mention(text)
	}
	for _, text := range addresses(it.record.GetPayload()) {
		mention(text)
	}
}

// mostAddresses bounds what is found in one record.
const mostAddresses = 20

// addresses are the e-mail addresses in a document.
func addresses(document []byte) []string {
	var out []string
	for from := 0; len(out) < mostAddresses; {
		at := bytes.IndexByte(document[from:], '@')
		if at < 0 {
			break
		}
		at += from
		begin, end := at, at+1
		for begin > from && addressByte(document[begin-1]) {
			begin--
		}
		for end < len(document) && addressByte(document[end]) {
			end++
		}
		if begin < at && end > at+1 {
			out = append(out, strings.Trim(string(document[begin:end]), "."))
		}
		from = end
	}
	return out
}

func addressByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", b) >= 0
}

// mention remembers what a step looks for as something that the record can be found by.
func (e *execution) mention(it *item, match map[string]any) {
	if e.teller == nil || e.plan != nil {
		return
	}
	for _, v := range match {
		if text, ok := v.(string); ok {
			it.mentions = append(it.mentions, text)
		}
	}
}

// mask hides an item's personal data, or nothing where the pipeline keeps all.
func (t *teller) mask(it *item) *mask {
	m := &mask{names: t.personal}
	if t.full {
		return m
	}
	m.collect(source(it), t.source)
	for _, st := range it.trail {
		m.byName(st.record)
	}
	for _, f := range it.effects {
		m.collect(f.Fields, t.sinks[f.Step])
	}
	m.ready()
	return m
}

func source(it *item) any {
	if len(it.scope.Slots) > 0 {
		return it.scope.Slots[pipelines.SlotSource]
	}
	doc, _ := record.Decode(it.record.GetPayload()) // what can't be read has no fields
	return doc
}

// story is what is told of an item.
func (t *teller) story(it *item, mask *mask) map[string]any {
	steps := make([]any, len(it.trail))
	for i, st := range it.trail {
		steps[i] = map[string]any{"step": st.step, "record": mask.value(st.record)}
	}
	effects := make([]any, len(it.effects))
	for i, f := range it.effects {
		effects[i] = t.effect(mask, f)
	}
	exchanges := make([]any, len(it.exchanges))
	for i, x := range it.exchanges {
		exchanges[i] = map[string]any{
			"request": mask.text(x.GetRequest()), "response": mask.text(x.GetResponse()),
			"status": record.Int(int64(x.GetStatus())), "took_ms": record.Int(x.GetTookMs()),
		}
	}
	return map[string]any{
		"operation": operation(it.record), "occurred_at": occurredAt(it.record), "source": mask.value(source(it)),
		"steps": steps, "effects": effects, "exchanges": exchanges, "step": it.step,
	}
}

func occurredAt(r *protocol.Record) any {
	if ms := r.GetOccurredAtMs(); ms != 0 {
		return time.UnixMilli(ms).UTC().Format(time.RFC3339)
	}
	return nil
}

func (t *teller) effect(m *mask, f Effect) map[string]any {
	out := map[string]any{"step": f.Step, "entity": f.Entity, "action": f.Action, "id": f.ID}
	if f.Fields != nil {
		out["fields"] = m.value(f.Fields)
	}
	for name, list := range map[string][]record.Change{"changes": f.Changes, "protected": f.Protected} {
		if len(list) == 0 {
			continue
		}
		changes := make([]any, len(list))
		for i, c := range list {
			from, to := m.value(c.From), m.value(c.To)
			if !t.full && personalField(t.sinks[f.Step], c.Field) {
				from, to = blot(c.From), blot(c.To)
			}
			changes[i] = map[string]any{"field": c.Field, "from": from, "to": to}
		}
		out[name] = changes
	}
	return out
}

// personalField tells whether a path such as mainContact.email leads to personal data.
func personalField(fields []*protocol.Field, path string) bool {
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' }) {
		i := slices.IndexFunc(fields, func(f *protocol.Field) bool { return f.GetName() == name })
		if i < 0 {
			continue // an index
		}
		if fields[i].GetPii() {
			return true
		}
		fields = fields[i].GetFields()
	}
	return false
}

// mask blots personal data out: what stands in fields that are marked, in fields of their names, and whatever else
// holds one of those values or a part of it, since scripts take texts apart and put them together.
type mask struct {
	names  map[string]bool
	values []string // in small letters, the longest first
	on     bool
	clean  *strings.Replacer
}

// shortest is how long a text must be to be told apart from what happens to look the same.
const shortest = 4

func (m *mask) note(v any) {
	switch v := v.(type) {
	case string:
		if len(v) >= shortest {
			m.values = append(m.values, v)
		}
	case []any:
		for _, item := range v {
			m.note(item)
		}
	case map[string]any:
		for _, item := range v {
			m.note(item)
		}
	}
}

func (m *mask) collect(v any, fields []*protocol.Field) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			m.collect(item, fields)
		}
	case map[string]any:
		for _, f := range fields {
			switch inner := v[f.GetName()]; {
			case inner == nil:
			case f.GetPii():
				m.note(inner)
			default:
				m.collect(inner, f.GetFields())
			}
		}
	}
}

func (m *mask) byName(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			m.byName(item)
		}
	case map[string]any:
		for name, item := range v {
			if m.names[name] {
				m.note(item)
			} else {
				m.byName(item)
			}
		}
	}
}

func (m *mask) ready() {
	m.on = true
	slices.SortFunc(m.values, func(a, b string) int { return len(b) - len(a) })
	m.values = slices.Compact(m.values)
	var pairs []string
	for i, v := range m.values {
		pairs = append(pairs, v, Masked)
		if escaped, err := record.Encode(v); err == nil && len(escaped) > 2 {
			pairs = append(pairs, string(escaped[1:len(escaped)-1]), Masked)
		}
		m.values[i] = strings.ToLower(v)
	}
	m.clean = strings.NewReplacer(pairs...)
}

// text is a text without the values.
func (m *mask) text(s string) string {
	if !m.on {
		return s
	}
	return m.clean.Replace(s)
}

// value is a copy of v without personal data.
func (m *mask) value(v any) any {
	if !m.on {
		return v
	}
	switch v := v.(type) {
	case string:
		if m.holds(v) {
			return Masked
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.value(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			if m.names[name] {
				out[name] = blot(item)
			} else {
				out[name] = m.value(item)
			}
		}
		return out
	}
	return v
}

func (m *mask) holds(s string) bool {
	if len(s) < shortest {
		return false
	}
	s = strings.ToLower(s)
	for _, v := range m.values {
		if strings.Contains(v, s) || strings.Contains(s, v) {
			return true
		}
	}
	return false
}

// blot hides a value but not whether there is one.
func blot(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		return v
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = blot(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = blot(item)
		}
		return out
	case string:
		if v == "" {
			return v
		}
	}
	return Masked
}
