package run

import (
	"context"
	"slices"
	"sync"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// gather lets records ask the database together: questions that come while one is under way are asked as one when it is
// answered. The busier the run, the fewer it asks; a record alone does not wait.
type gather[Q, A any] struct {
	ask func(ctx context.Context, questions []Q) ([]A, error) // one answer per question

	mu     sync.Mutex
	asking bool
	next   *round[Q, A] // nil = nobody waits
}

// round is what is asked at once.
type round[Q, A any] struct {
	questions []Q
	answers   []A
	err       error
	done      chan struct{}
}

// one asks one question, and returns when it is answered. All who ask belong to the same run, so its context serves.
func (g *gather[Q, A]) one(ctx context.Context, q Q) (a A, err error) {
	g.mu.Lock()
	if g.next == nil {
		g.next = &round[Q, A]{done: make(chan struct{})}
	}
	mine, place := g.next, len(g.next.questions)
	mine.questions = append(mine.questions, q)
	first := !g.asking
	g.asking = true
	g.mu.Unlock()
	if first {
		go g.work(ctx)
	}
	<-mine.done // ask heeds the context
	if mine.err != nil {
		return a, mine.err
	}
	return mine.answers[place], nil
}

// work asks until nobody waits.
func (g *gather[Q, A]) work(ctx context.Context) {
	for {
		g.mu.Lock()
		r := g.next
		g.next = nil
		g.asking = r != nil
		g.mu.Unlock()
		if r == nil {
			return
		}
		r.answers, r.err = g.ask(ctx, r.questions)
		close(r.done)
	}
}

// askings are what the records of a run ask the database for together.
type askings struct {
	links     map[*pipelines.Sink]*gather[string, state.Link]
	intents   map[*pipelines.Sink]*gather[string, state.Intent]
	announced *gather[state.Intent, state.Claim]
	lookups   map[lookedUp]*gather[*protocol.Query, answer] // where a system answers several at once
}

// lookedUp is what questions to a system are about.
type lookedUp struct{ address, entity string }

func (e *execution) askings() askings {
	a := askings{
		links: map[*pipelines.Sink]*gather[string, state.Link]{}, intents: map[*pipelines.Sink]*gather[string, state.Intent]{},
		announced: gathering(e, func(ctx context.Context, intents []state.Intent) ([]state.Claim, error) {
			return e.store.Announce(ctx, intents, e.node)
		}),
	}
	a.lookups = map[lookedUp]*gather[*protocol.Query, answer]{}
	for _, step := range e.pipeline.Steps {
		switch s := step.(type) {
		case *pipelines.Lookup:
			e.lookupsOf(a.lookups, s.Connection, s.Schema)
		case *pipelines.Sink:
			e.lookupsOf(a.lookups, s.Connection, s.Schema)
		}
		if s, ok := step.(*pipelines.Sink); ok && !s.Schema.GetAppendOnly() {
			a.links[s] = gathering(e, listed(func(ctx context.Context, keys []string) (map[string]state.Link, error) {
				return e.store.Links(ctx, s.Scope, keys)
			}))
			a.intents[s] = gathering(e, listed(func(ctx context.Context, matches []string) (map[string]state.Intent, error) {
				return e.store.Intents(ctx, target(s), matches)
			}))
		}
	}
	return a
}

// lookupsOf lets records ask a system together where it answers several questions with one call.
func (e *execution) lookupsOf(all map[lookedUp]*gather[*protocol.Query, answer], def *pipelines.Connection, schema *protocol.Entity) {
	most := int(schema.GetLookupBatch())
	of := lookedUp{def.Address(), schema.GetName()}
	if most < 2 || all[of] != nil {
		return
	}
	all[of] = &gather[*protocol.Query, answer]{ask: func(ctx context.Context, queries []*protocol.Query) ([]answer, error) {
		answers := make([]answer, 0, len(queries))
		for part := range slices.Chunk(queries, most) {
			some, err := e.lookups(ctx, def, of.entity, part)
			if err != nil {
				return nil, err
			}
			answers = append(answers, some...)
		}
		return answers, nil
	}}
}

// gathering asks a database that may be away for a while.
func gathering[Q, A any](e *execution, ask func(context.Context, []Q) ([]A, error)) *gather[Q, A] {
	return &gather[Q, A]{ask: func(ctx context.Context, questions []Q) (answers []A, err error) {
		err = e.durable(ctx, func() (err error) {
			answers, err = ask(ctx, questions)
			return err
		})
		if err != nil {
			return nil, &stop{err}
		}
		return answers, nil
	}}
}

// listed answers in the order of the keys, with a zero value where there is nothing.
func listed[A any](find func(context.Context, []string) (map[string]A, error)) func(context.Context, []string) ([]A, error) {
	return func(ctx context.Context, keys []string) ([]A, error) {
		found, err := find(ctx, keys)
		answers := make([]A, len(keys))
		for i, key := range keys {
			answers[i] = found[key]
		}
		return answers, err
	}
}
