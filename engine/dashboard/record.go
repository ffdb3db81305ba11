package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// Entry is a line of the activity.
type Entry struct {
	ID       int64         `json:"id"`
	At       time.Time     `json:"at"`
	Pipeline string        `json:"pipeline"`
	Entity   string        `json:"entity"`
	Key      string        `json:"key"`
	Outcome  state.Outcome `json:"outcome"`
	Code     string        `json:"code,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Effects  []EffectLine  `json:"effects" nullable:"false"`
	Run      string        `json:"run,omitempty"`
	TookMS   float64       `json:"took_ms"`

	record string
}

// EffectLine is what a sink did with a record.
type EffectLine struct {
	Step      string   `json:"step"`
	Entity    string   `json:"entity"`
	Action    string   `json:"action" enum:"create,update,unchanged"`
	ID        string   `json:"id,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Protected []string `json:"protected,omitempty"`
}

func (r *room) entry(e state.Entry) Entry {
	out := Entry{
		ID: e.ID, At: e.At, Pipeline: e.Pipeline, Entity: e.Entity, Key: e.Key, Outcome: e.Outcome, Code: e.Code,
		Reason: r.Clean(e.Reason), Run: e.Run, TookMS: float64(e.Took.Microseconds()) / 1000, Effects: []EffectLine{}, record: e.RecordID,
	}
	var detail struct {
		Effects []EffectLine `json:"effects"`
	}
	if json.Unmarshal(e.Detail, &detail) == nil && detail.Effects != nil {
		out.Effects = detail.Effects
	}
	return out
}

func (r *room) activity(ctx context.Context, f state.ActivityFilter) ([]Entry, error) {
	entries, err := r.Store.ActivityPage(ctx, f)
	out := make([]Entry, len(entries))
	for i, e := range entries {
		out[i] = r.entry(e)
	}
	return out, err
}

// RecordView is the whole story of one record.
type RecordView struct {
	Pipeline string      `json:"pipeline"`
	Key      string      `json:"key"`
	Why      string      `json:"why" doc:"how it ended, in one sentence"`
	Chosen   *Entry      `json:"chosen,omitempty" doc:"the entry whose story is told"`
	Entries  []Entry     `json:"entries" nullable:"false"`
	Story    *Story      `json:"story,omitempty"`
	Letters  []Letter    `json:"letters" nullable:"false"`
	Links    []LinkLine  `json:"links" nullable:"false"`
	Became   []Documents `json:"-"`
}

// LinkLine is what a record became on the other side.
type LinkLine struct {
	Scope    string `json:"scope"`
	Key      string `json:"key"`
	TargetID string `json:"target_id"`
}

// made is what a record became in an entity.
type made struct {
	Entity string
	IDs    []string
}

// Made lists what the record became, by entity.
func (v *RecordView) Made() []made {
	var out []made
	for _, l := range v.Links {
		i := slices.IndexFunc(out, func(m made) bool { return m.Entity == l.Scope })
		if i < 0 {
			i = len(out)
			out = append(out, made{Entity: l.Scope})
		}
		out[i].IDs = append(out[i].IDs, l.TargetID)
	}
	return out
}

// Documents is a record after a step, against the one before.
type Documents struct {
	Step    string
	Lines   []Line
	Changes int
}

func (r *room) record(ctx context.Context, pipeline, key string, chosen int64) (*RecordView, error) {
	out := &RecordView{Pipeline: pipeline, Key: key, Letters: []Letter{}, Links: []LinkLine{}}
	var err error
	if out.Entries, err = r.activity(ctx, state.ActivityFilter{Pipeline: pipeline, Key: key, Limit: 50}); err != nil {
		return nil, err
	}
	held, err := r.Store.Held(ctx, state.HeldFilter{Pipeline: pipeline, Key: key, Status: state.AnyStatus, Limit: 20})
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		out.Letters = append(out.Letters, r.letter(h))
	}
	if len(out.Entries) == 0 && len(held) == 0 {
		return nil, notFound("Nothing is known of a record " + key + " in pipeline " + pipeline + ".")
	}
	for i := range out.Entries {
		if e := &out.Entries[i]; out.Chosen == nil || e.ID == chosen {
			out.Chosen = e
		}
	}
	if out.Chosen == nil {
		return out, nil
	}
	out.Why = why(*out.Chosen, out.Letters, fmt.Sprintf)
	body, err := r.Store.StoryOf(ctx, out.Chosen.record)
	if err != nil {
		return nil, err
	}
	if out.Story, out.Became, err = readStory([]byte(r.Clean(string(body)))); err != nil {
		return nil, err
	}
	seen := map[LinkLine]bool{}
	for _, e := range out.Entries {
		for _, f := range e.Effects {
			link := LinkLine{Scope: f.Entity, Key: f.Step, TargetID: f.ID}
			if f.ID != "" && !seen[link] {
				seen[link] = true
				out.Links = append(out.Links, link)
			}
		}
	}
	return out, nil
}
