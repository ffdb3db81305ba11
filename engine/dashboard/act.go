package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
)

// runNow asks for a run of a pipeline.
func (r *room) runNow(ctx context.Context, name string) error {
	if err := need(ctx, Operator); err != nil {
		return err
	}
	if _, err := r.definitionOf(name); err != nil {
		return err
	}
	r.note(ctx, who(ctx).Name, "run now", name)
	return r.Trigger(context.WithoutCancel(ctx), name)
}

// halt stops a pipeline's schedule, or lets it go on.
func (r *room) halt(ctx context.Context, name string, stop bool) error {
	if err := need(ctx, Operator); err != nil {
		return err
	}
	if _, err := r.definitionOf(name); err != nil {
		return err
	}
	if !stop {
		r.note(ctx, who(ctx).Name, "resume", name)
		return r.Store.EndHalt(ctx, name)
	}
	r.note(ctx, who(ctx).Name, "pause", name)
	return r.Store.PutHalt(ctx, state.Halt{Pipeline: name, At: r.now(), Who: who(ctx).Name})
}

// planned is how many records a plan looks at.
const planned = 20

// plan says what a run would do with the next records. It writes nothing.
func (r *room) plan(ctx context.Context, name, key string) (*run.Plan, error) {
	if err := need(ctx, Operator); err != nil {
		return nil, err
	}
	p, err := r.definitionOf(name)
	if err != nil {
		return nil, err
	}
	plan, err := r.Runner.Plan(ctx, p, run.PlanOptions{Limit: planned, Key: key})
	if err != nil {
		return nil, refused(r.Clean(err.Error()))
	}
	return plan, nil
}

// Choice is which letters somebody means: by number, or all open ones of a group.
type Choice struct {
	IDs      []int64 `json:"ids,omitempty"`
	Pipeline string  `json:"pipeline,omitempty"`
	Step     string  `json:"step,omitempty"`
	Code     string  `json:"code,omitempty"`
}

func (c Choice) String() string {
	if len(c.IDs) > 0 {
		return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(c.IDs)), ", #"), "[]")
	}
	return fmt.Sprintf("%s %s %s", c.Pipeline, c.Step, c.Code)
}

// choose names the open letters that are meant, by pipeline.
func (r *room) choose(ctx context.Context, c Choice) (map[string][]int64, error) {
	f := state.HeldFilter{Pipeline: c.Pipeline, Step: c.Step, Code: c.Code, IDs: c.IDs}
	if len(c.IDs) == 0 && c.Pipeline == "" {
		return nil, refused("Name letters by their numbers, or a group by its pipeline, step and code.")
	}
	refs, err := r.Store.HeldRefs(ctx, f)
	if err != nil {
		return nil, err
	}
	out := map[string][]int64{}
	for _, ref := range refs {
		if ref.Status != state.HeldDead && ref.Status != state.HeldParked {
			return nil, refused(fmt.Sprintf("Letter #%d is closed already (%s).", ref.ID, ref.Status))
		}
		out[ref.Pipeline] = append(out[ref.Pipeline], ref.ID)
	}
	if len(refs) == 0 || len(c.IDs) > len(refs) {
		return nil, notFound("There is no such open letter.")
	}
	return out, nil
}

// Replayed is how a replay ended.
type Replayed struct {
	Records state.Counts `json:"records"`
	Queued  []int64      `json:"queued" nullable:"false" doc:"the run that is under way, or the one that was just begun, replays these"`
	Open    []Letter     `json:"open" nullable:"false" doc:"did not come through"`
}

// atOnce is how many letters are replayed while somebody waits for the answer.
const atOnce = 100

// replay tries letters again, from the start or from a step, in place of a record as it is kept or with another one.
func (r *room) replay(ctx context.Context, c Choice, from string, body []byte) (*Replayed, error) {
	chosen, err := r.chosen(ctx, c)
	if err != nil {
		return nil, err
	}
	r.note(ctx, who(ctx).Name, "replay", c.String())
	out := &Replayed{Queued: []int64{}, Open: []Letter{}}
	for p, ids := range chosen {
		what := run.Replay{IDs: ids, From: from, Record: body}
		if len(ids) > atOnce {
			if err := r.Store.QueueHeld(ctx, ids, from); err != nil {
				return nil, err
			}
			out.Queued = append(out.Queued, ids...)
			if err := r.Trigger(context.WithoutCancel(ctx), p.Name); err != nil {
				return nil, err
			}
			continue
		}
		summary, err := r.Runner.Replay(context.WithoutCancel(ctx), p, what)
		switch {
		case errors.Is(err, state.ErrBusy):
			out.Queued = append(out.Queued, ids...)
			continue
		case err != nil && summary.Records.Read == 0:
			return nil, refused(r.Clean(err.Error()))
		}
		out.Records.Add(summary.Records)
		held, err := r.Store.Held(ctx, state.HeldFilter{IDs: ids, Limit: len(ids)})
		if err != nil {
			return nil, err
		}
		for _, h := range slices.Backward(held) {
			if h.Open() {
				out.Open = append(out.Open, r.letter(h))
			}
		}
	}
	return out, nil
}

// chosen is choose with the pipelines as they are defined now, for those who may mend.
func (r *room) chosen(ctx context.Context, c Choice) (map[*pipelines.Pipeline][]int64, error) {
	if err := need(ctx, Operator); err != nil {
		return nil, err
	}
	byName, err := r.choose(ctx, c)
	if err != nil {
		return nil, err
	}
	out := map[*pipelines.Pipeline][]int64{}
	for name, ids := range byName {
		p, err := r.definitionOf(name)
		if err != nil {
			return nil, err
		}
		out[p] = ids
	}
	return out, nil
}

// planReplay says what a replay would do. It writes nothing.
func (r *room) planReplay(ctx context.Context, c Choice, from string, body []byte) ([]*run.Plan, error) {
	chosen, err := r.chosen(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []*run.Plan
	for p, ids := range chosen {
		plan, err := r.Runner.PlanReplay(ctx, p, run.Replay{IDs: ids[:min(len(ids), planned)], From: from, Record: body})
		if err != nil {
			return nil, refused(r.Clean(err.Error()))
		}
		out = append(out, plan)
	}
	return out, nil
}

// discard closes letters for good.
func (r *room) discard(ctx context.Context, c Choice, reason string) (int, error) {
	if err := need(ctx, Operator); err != nil {
		return 0, err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return 0, refused("Say why: the reason is kept with the letter and in the activity.")
	}
	chosen, err := r.choose(ctx, c)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, ids := range chosen {
		if err := r.Store.Discard(ctx, ids, reason); err != nil {
			return n, err
		}
		n += len(ids)
	}
	r.note(ctx, who(ctx).Name, "discard", c.String()+": "+reason)
	return n, nil
}

// letterOf returns a letter whole.
func (r *room) letterOf(ctx context.Context, id int64) (*Letter, error) {
	held, err := r.Store.Held(ctx, state.HeldFilter{IDs: []int64{id}})
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, notFound(fmt.Sprintf("There is no letter #%d.", id))
	}
	l := r.whole(ctx, held[0])
	return &l, nil
}

// edited checks what somebody made of a record. Nil means that it is as it was.
func edited(text string, l *Letter, from string) ([]byte, error) {
	before := l.Original
	if from != "" {
		before = l.Current
	}
	if len(l.Edited) > 0 && l.EditedStep == from {
		before = l.Edited
	}
	doc, err := record.DecodeObject([]byte(text))
	if err != nil {
		return nil, refused("That is no JSON object: " + err.Error() + ". Nothing was replayed.")
	}
	if was, err := record.Decode(before); err == nil && record.Equal(was, doc) {
		return nil, nil
	}
	return record.Encode(doc)
}

// check tries a connection live.
func (r *room) check(ctx context.Context, address string) (*Checked, error) {
	if err := need(ctx, Operator); err != nil {
		return nil, err
	}
	for _, c := range r.Definition().Project.Connections {
		if c.Address() != address {
			continue
		}
		r.note(ctx, who(ctx).Name, "check", address)
		answer := r.Check(ctx, c)
		for i, fact := range answer.Facts {
			answer.Facts[i] = r.Clean(fact)
		}
		for i := range answer.Problems {
			p := &answer.Problems[i]
			p.Summary, p.Detail = r.Clean(p.Summary), r.Clean(p.Detail)
		}
		kept, err := json.Marshal(answer)
		if err != nil {
			return nil, err
		}
		return &answer, r.Store.PutTested(ctx, state.Tested{Connection: address, At: r.now(), Answer: kept})
	}
	return nil, notFound("There is no connection " + address + ".")
}

// pretty is JSON for people; anything else stays as it is.
func pretty(data []byte) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if enc.Encode(json.RawMessage(data)) != nil {
		return string(data)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
