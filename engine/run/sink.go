package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// want is what a sink is to bring about for one record: evaluated once, planned and written possibly several times.
type want struct {
	fields  map[string]any
	match   map[string]any // nil = there is nothing to look for
	linkKey string
	hash    string
	create  bool
	claim   *claim  // of the create, set where one may come
	pair    *paired // nil = the sink is in no pair, or it need not be known
}

// upsert brings one remote record to what the sink wants: found by its link or its match, then left alone, updated
// within the sink's leave, or created. It returns the record that stands there afterwards, for later steps. A record that
// turns out to be old is taken through all steps as it is now instead, and then has its outcome.
func (e *execution) upsert(ctx context.Context, s *pipelines.Sink, it *item, suffix string) (any, error) {
	for {
		result, err := e.attempt(ctx, s, it, suffix)
		var old *outdated
		if errors.As(err, &old) {
			return nil, e.afresh(ctx, it, old.now)
		}
		if !errors.Is(err, errCrossed) {
			return result, err
		}
	}
}

// attempt does so with what is known now of the pair that the record may be part of.
func (e *execution) attempt(ctx context.Context, s *pipelines.Sink, it *item, suffix string) (any, error) {
	w, err := e.want(s, it, suffix)
	if err != nil {
		return nil, err
	}
	link, err := e.link(ctx, s, w.linkKey)
	if err != nil {
		return nil, err
	}
	if !stands(s, w, link) {
		unlock := e.locks.lock(lockName(s, w))
		defer unlock()
		if fresh, ok := e.unsettled.link(s.Scope, w.linkKey); ok { // brought while this one waited
			link = fresh
		}
	}
	if stands(s, w, link) {
		e.effect(it, Effect{Step: s.Name, Entity: s.Entity, Action: ActionUnchanged, ID: link.TargetID})
		return resulting(s, nil, w.fields, link.TargetID), nil
	}
	if s.Pair == nil {
		return e.bring(ctx, s, it, w, link)
	}
	if w.pair, err = e.paired(ctx, s, w.linkKey); err != nil {
		return nil, err
	}
	if link.TargetID == "" {
		link.TargetID = w.pair.ID
	}
	read := it.scope.Slots[pipelines.SlotSource]
	if w.pair.ID != "" && w.pair.echo(read) {
		return e.heard(ctx, s, it, w)
	}
	if err := e.current(ctx, s, w, read); err != nil {
		return nil, err
	}
	if stands(s, w, link) {
		e.effect(it, Effect{Step: s.Name, Entity: s.Entity, Action: ActionUnchanged, ID: link.TargetID})
		return resulting(s, nil, w.fields, link.TargetID), nil
	}
	return e.bring(ctx, s, it, w, link)
}

// stands tells whether the target has what the sink wants, or something it may not change, without asking it.
func stands(s *pipelines.Sink, w want, link state.Link) bool {
	return link.TargetID != "" && (link.Hash == w.hash && !s.Verify || !mayUpdate(s))
}

// bring finds, plans and writes, and does so again when the target changed meanwhile or gave no clear answer.
func (e *execution) bring(ctx context.Context, s *pipelines.Sink, it *item, w want, link state.Link) (result any, err error) {
	w.claim = &claim{}
	defer func() {
		if err != nil {
			e.unclaim(ctx, s, it, w)
		}
	}()
	before, announced, err := e.announced(ctx, s, w)
	if err != nil {
		return nil, err
	}
	if link.TargetID == "" {
		link.TargetID = before.ID
	}
	var other *elsewhere
	conflicts, tries := 0, 0
	for attempt := 0; ; attempt++ {
		var found *protocol.Found
		known := false
		if attempt == 0 && !announced && e.plan == nil && (w.pair == nil || w.pair.note == nil) { // a note may be newer
			found, known = e.glimpsed(it, s, w, link.TargetID)
		}
		if !known {
			if found, err = e.find(ctx, s, w, link); err != nil {
				return nil, err
			}
		}
		if found == nil && announced && (w.match == nil || !s.Schema.GetCanLookup()) {
			return nil, &host.Failure{
				Class: protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, Code: "sink.unverifiable_create",
				Message: fmt.Sprintf("an earlier create of this %s may have succeeded, and without `match` it can't be looked up; "+
					"check %s and replay", s.Entity, s.Connection.Address()),
			}
		}
		result, err := e.write(ctx, s, it, w, found, announced)
		switch {
		case errors.As(err, &other):
			announced = announced || other.Earlier
			if link, err = e.turn(ctx, s, w, other); err != nil {
				return nil, err
			}
		case isClass(err, protocol.FailureClass_FAILURE_CLASS_CONFLICT) && conflicts < maxConflicts:
			conflicts++
		case isClass(err, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS) && tries+1 < e.pipeline.OnError.Attempts:
			tries++
			announced = announced || found == nil
			if sleepErr := sleepUntil(ctx, time.Now().Add(backoff(e.pipeline.OnError, tries))); sleepErr != nil {
				return nil, err
			}
		default:
			return result, err
		}
	}
}

// want evaluates the sink's expressions on the record.
func (e *execution) want(s *pipelines.Sink, it *item, suffix string) (want, error) {
	w := want{create: true, linkKey: it.record.GetKey() + suffix}
	set := it.scope.Slots[pipelines.SlotRecord]
	var err error
	if s.Set != nil {
		if set, err = s.Set.Eval(&it.scope); err != nil {
			return w, err
		}
	}
	if w.fields, err = object(s, set); err != nil {
		return w, err
	}
	w.fields, _ = conform(w.fields, s.Schema.GetFields())
	if s.Match != nil {
		value, err := s.Match.Eval(&it.scope)
		if err != nil {
			return w, err
		}
		w.match = usableMatch(value)
		e.mention(it, w.match)
	}
	if s.Create != nil {
		value, err := s.Create.Eval(&it.scope)
		if err != nil {
			return w, err
		}
		w.create = value == true
	}
	if s.Link != nil {
		value, err := s.Link.Eval(&it.scope)
		if err != nil {
			return w, err
		}
		if w.linkKey = ""; value != nil {
			w.linkKey = fmt.Sprint(value)
		}
	}
	if w.linkKey == "" || s.Link == nil && it.record.GetKey() == "" { // all such records would be one
		return w, invalid("sink.no_key", "sink %q: the record has no key to remember it by; the source must give one, or `link` say what", s.Name)
	}
	w.hash = record.Hash(w.fields)
	return w, nil
}

// object is what a sink can write: a script may return anything.
func object(s *pipelines.Sink, value any) (map[string]any, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, invalid("sink.not_an_object", "sink %q was given a %s where it needs an object", s.Name, record.Kind(value))
	}
	return fields, nil
}

// usableMatch is nil when any value to match on is missing: null equals nothing.
func usableMatch(v any) map[string]any {
	m, _ := v.(map[string]any)
	for _, value := range m {
		if value == nil || value == "" {
			return nil
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

func lockName(s *pipelines.Sink, w want) string {
	if w.match != nil {
		return target(s) + matchText(w.match)
	}
	return s.Scope + "\x1f" + w.linkKey
}

// target names what a sink writes to, in intents and locks.
func target(s *pipelines.Sink) string { return targetName(s.Connection, s.Entity) }

func matchText(m map[string]any) string {
	data, _ := record.Encode(m) // a match is made of record values
	return string(data)
}

// intentMatch identifies the intent of a create: by what would find it again, else by whose create it was.
func intentMatch(s *pipelines.Sink, w want) string {
	if w.match != nil {
		return matchText(w.match)
	}
	return s.Scope + "\x1f" + w.linkKey
}

// intent announces the create that a record wants.
func (e *execution) intent(s *pipelines.Sink, it *item, w want) state.Intent {
	return state.Intent{Target: target(s), Match: intentMatch(s, w), Run: e.holder, Key: it.record.GetKey(), At: e.clock()}
}

// announced tells whether this create was announced earlier and nobody knows how it ended. One that another node is at
// is not meant: its answer is waited for.
func (e *execution) announced(ctx context.Context, s *pipelines.Sink, w want) (before state.Intent, ok bool, err error) {
	if e.plan != nil {
		return before, false, nil
	}
	key := intentMatch(s, w)
	if e.unsettled.done(target(s), key) {
		return before, false, nil
	}
	before, err = e.asks.intents[s].one(ctx, key)
	return before, before.Match != "" && (before.Node == "" || before.Node == e.node), err
}

// find asks the target: by the linked id, else by the match.
func (e *execution) find(ctx context.Context, s *pipelines.Sink, w want, link state.Link) (*protocol.Found, error) {
	if e.plan != nil {
		if f, ok := e.plan.created(lockName(s, w)); ok {
			return f, nil
		}
	}
	if !s.Schema.GetCanLookup() {
		if link.TargetID != "" {
			return &protocol.Found{Id: link.TargetID, Version: link.Version, Fields: []byte("{}")}, nil
		}
		return nil, nil
	}
	if link.TargetID != "" {
		hits, err := e.lookup(ctx, s.Connection, s.Entity, &protocol.Query{Id: link.TargetID})
		if err != nil && !isClass(err, protocol.FailureClass_FAILURE_CLASS_NOT_FOUND) {
			return nil, err
		}
		if len(hits) == 1 {
			return hits[0], nil
		}
	}
	if w.match == nil {
		return nil, nil
	}
	hits, err := e.lookup(ctx, s.Connection, s.Entity, &protocol.Query{Match: []byte(matchText(w.match))})
	if err != nil {
		return nil, err
	}
	return one(hits, s.Several, s.Name, s.Entity, w.match)
}

// one picks the hit, and refuses to guess among several unless told to take the first.
func one(hits []*protocol.Found, several, step, entity string, match map[string]any) (*protocol.Found, error) {
	switch {
	case len(hits) == 0:
		return nil, nil
	case len(hits) == 1 || several == "first":
		return hits[0], nil
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.GetId()
	}
	return nil, invalid("sink.several_matches", "%q: %d records of %s have the same %s: %v; make the match narrower or merge them there",
		step, len(hits), entity, strings.Join(slices.Sorted(maps.Keys(match)), " and "), ids)
}

// write plans against what was found and carries it out, or only notes it when this is a plan.
// What stands there although its create was never settled is what we announced: it counts as created.
func (e *execution) write(
	ctx context.Context, s *pipelines.Sink, it *item, w want, found *protocol.Found, announced bool,
) (any, error) {
	if found == nil {
		return e.create(ctx, s, it, w)
	}
	have, err := record.DecodeObject(found.GetFields())
	if err != nil {
		return nil, invalid("sink.bad_answer", "%s answered fields of a %s that can't be read: %v", s.Connection.Address(), s.Entity, err)
	}
	if found.GetId() == "" {
		return nil, invalid("connector.no_id", "the connector of %s found a %s and does not say which", s.Connection.Address(), s.Entity)
	}
	if err := e.taken(ctx, s, w, found.GetId()); err != nil {
		return nil, err
	}
	m := compare(s, w, have)
	effect := Effect{
		Step: s.Name, Entity: s.Entity, Action: ActionUnchanged, ID: found.GetId(), Changes: m.changes, Protected: m.protected,
		Conflicts: m.conflicts,
	}
	version := found.GetVersion()
	if announced {
		effect.Action = ActionCreate
	}
	if len(m.changes) > 0 {
		effect.Action = ActionUpdate
		if e.plan == nil {
			result, err := e.send(ctx, s, it, w, &protocol.Op{
				Operation: protocol.Operation_OPERATION_UPDATE, Key: it.record.GetKey(),
				Id: found.GetId(), Version: version, Payload: changedFields(m.fields, m.changes),
			})
			if err != nil {
				return nil, err
			}
			version = result.GetVersion()
		}
	}
	kept := e.keepPair(ctx, s, it, w, found.GetId(), m)
	if kept == nil || effect.Action == ActionUpdate { // written is written
		e.effect(it, effect)
	}
	if kept != nil {
		return nil, kept
	}
	e.linked(it, s, w, found.GetId(), version)
	if announced || w.claim.mine {
		e.resolved(it, e.intent(s, it, w))
	}
	return resulting(s, have, overlay(m.fields, m.changes), found.GetId()), nil
}

func (e *execution) create(ctx context.Context, s *pipelines.Sink, it *item, w want) (any, error) {
	if !w.create || !s.Schema.GetCanCreate() {
		return nil, &missing{
			step: s.Name, entity: s.Entity, match: w.match, policy: s.Missing,
			waits: waitFor(s.Connection, s.Entity, s.Schema, w.match),
		}
	}
	if e.plan != nil {
		id := fmt.Sprintf("(new %s)", s.Entity)
		e.effect(it, Effect{Step: s.Name, Entity: s.Entity, Action: ActionCreate, Fields: w.fields})
		result := resulting(s, nil, w.fields, id)
		e.plan.note(lockName(s, w), id, result)
		return result, nil
	}
	intent := e.intent(s, it, w)
	if err := e.announce(ctx, w, intent); err != nil {
		return nil, err
	}
	payload, err := record.Encode(w.fields)
	if err != nil {
		return nil, invalid("sink.bad_value", "%v", err)
	}
	result, err := e.send(ctx, s, it, w, &protocol.Op{
		Operation: protocol.Operation_OPERATION_CREATE, Key: it.record.GetKey(), Payload: payload,
		IdempotencyKey: record.Hash(map[string]any{"target": intent.Target, "match": intent.Match, "fields": w.hash}),
	})
	if err != nil {
		if !isClass(err, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS) {
			e.resolved(it, intent) // a clear no: nothing stands there
		}
		return nil, err
	}
	if err := e.answered(ctx, w, intent, result.GetId()); err != nil {
		return nil, err
	}
	if s.Pair != nil {
		// Who was paired by the other direction meanwhile is not created again for that.
		if err := e.keepPair(ctx, s, it, w, result.GetId(), made(w.fields)); err != nil && !errors.Is(err, errCrossed) {
			return nil, err
		}
	}
	e.resolved(it, intent)
	effect := Effect{Step: s.Name, Entity: s.Entity, Action: ActionCreate, ID: result.GetId()}
	if e.teller != nil {
		effect.Fields = w.fields
	}
	e.effect(it, effect)
	e.linked(it, s, w, result.GetId(), result.GetVersion())
	return resulting(s, nil, w.fields, result.GetId()), nil
}

// send writes one operation and keeps the exchange for the record's story.
func (e *execution) send(ctx context.Context, s *pipelines.Sink, it *item, w want, op *protocol.Op) (*protocol.Result, error) {
	conn, writer := e.conns[s.Connection.Address()], e.writers[s]
	it.wrote(s)
	if op.GetOperation() == protocol.Operation_OPERATION_CREATE {
		e.births.note(lockName(s, w))
	}
	var result *protocol.Result
	err := retryTransient(ctx, e.pipeline.OnError, func(ctx context.Context) error {
		return conn.call(ctx, opWrite, func(ctx context.Context) error {
			results, err := writer.Write(ctx, []*protocol.Op{op})
			if err != nil {
				return err
			}
			result, err = judged(s.Connection.Address(), s.Schema, op, results.GetResults())
			return err
		})
	})
	e.sent(s, op, w.match, result.GetId())
	if err == nil {
		it.exchanges = append(it.exchanges, result.GetExchanges()...)
	}
	return result, err
}

// mayUpdate tells whether the sink has leave to change anything at all.
func mayUpdate(s *pipelines.Sink) bool {
	return s.Schema.GetCanUpdate() && (s.UpdateAll || len(s.Update) > 0)
}

// compare finds what is to change in the target: all differences that the sink has leave to mend, or, where pipelines
// write both ways, what the source has changed. What differs and stays, stays.
func compare(s *pipelines.Sink, w want, have map[string]any) merged {
	if s.Pair.BothWays() {
		return w.pair.merge(s, have, w.fields)
	}
	m := merged{fields: clone(w.fields)}
	if s.Pair != nil {
		m.left = leavesOf(w.fields)
	}
	for _, c := range record.Diff(have, w.fields) {
		if s.MayUpdate(c.Field) {
			m.changes = append(m.changes, c)
		} else {
			m.protected = append(m.protected, c)
			put(m.fields, c.Field, c.From)
		}
	}
	return m
}

func overlay(fields map[string]any, changes []record.Change) map[string]any {
	out := map[string]any{}
	for _, c := range changes {
		out[pipelines.TopField(c.Field)] = fields[pipelines.TopField(c.Field)]
	}
	return out
}

func changedFields(fields map[string]any, changes []record.Change) []byte {
	data, _ := record.Encode(overlay(fields, changes)) // taken from a record
	return data
}

// resulting is the record as it stands in the target: what was there, what was written, and its id.
func resulting(s *pipelines.Sink, have, written map[string]any, id string) map[string]any {
	out := make(map[string]any, len(have)+len(written)+1)
	maps.Copy(out, have)
	maps.Copy(out, written)
	if field := s.Schema.GetIdField(); field != "" && id != "" {
		out[field] = id
	}
	return out
}

func (e *execution) effect(it *item, effect Effect) { it.effects = append(it.effects, effect) }

func (e *execution) linked(it *item, s *pipelines.Sink, w want, id, version string) {
	link := state.Link{Scope: s.Scope, Key: w.linkKey, TargetID: id, Version: version, Hash: w.hash}
	it.links = slices.DeleteFunc(it.links, func(l state.Link) bool { return l.Scope == link.Scope && l.Key == link.Key })
	it.links = append(it.links, link)
	e.unsettled.putLink(link)
}

func (e *execution) resolved(it *item, intent state.Intent) {
	it.intents = append(it.intents, intent)
	e.unsettled.putDone(intent)
}

// link returns the link of a key, empty when there is none.
func (e *execution) link(ctx context.Context, s *pipelines.Sink, key string) (state.Link, error) {
	if fresh, ok := e.unsettled.link(s.Scope, key); ok {
		return fresh, nil
	}
	return e.asks.links[s].one(ctx, key)
}
