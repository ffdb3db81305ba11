package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// Letter is a record that did not come through, as it is shown. Lists leave the records out.
type Letter struct {
	ID         int64           `json:"id"`
	Pipeline   string          `json:"pipeline"`
	Key        string          `json:"key"`
	Operation  string          `json:"operation"`
	Status     string          `json:"status"`
	Since      time.Time       `json:"since"`
	Step       string          `json:"step"`
	Code       string          `json:"code"`
	Class      string          `json:"class,omitempty"`
	Message    string          `json:"message"`
	Remedy     string          `json:"remedy,omitempty"`
	WaitsFor   string          `json:"waits_for,omitempty"`
	Attempts   int             `json:"attempts"`
	FirstAt    time.Time       `json:"first_at"`
	LastAt     time.Time       `json:"last_at"`
	Run        string          `json:"run"`
	Version    string          `json:"definition"`
	Queued     bool            `json:"queued,omitempty" doc:"the next run replays it"`
	Reason     string          `json:"reason,omitempty" doc:"why it was discarded"`
	Original   json.RawMessage `json:"original,omitempty" doc:"as it was read; for operators"`
	Current    json.RawMessage `json:"current,omitempty" doc:"as it was at the failing step; for operators"`
	Edited     json.RawMessage `json:"edited,omitempty"`
	EditedStep string          `json:"edited_at_step,omitempty"`
	Exchanges  []Exchange      `json:"exchanges,omitempty"`
}

// Open tells whether something is still to be done.
func (l Letter) Open() bool { return l.Status == state.HeldDead || l.Status == state.HeldParked }

// Exchange is what was sent to a system and what it answered.
type Exchange struct {
	Request  string `json:"request"`
	Response string `json:"response"`
	Status   int    `json:"status"`
	TookMS   int64  `json:"took_ms"`
}

// waitsFor is what a record waits for, in words: item {"sku":"4711"} is item with sku 4711.
func waitsFor(text string) string {
	what, match, ok := strings.Cut(text, " {")
	var fields map[string]any
	if !ok || json.Unmarshal([]byte("{"+match), &fields) != nil {
		return text
	}
	for i, name := range sortedKeys(fields) {
		if what += ", "; i == 0 {
			what = strings.TrimSuffix(what, ", ") + " with "
		}
		what += name + " " + fmt.Sprint(fields[name])
	}
	return what
}

// AsLetter is a letter as lists show it.
func AsLetter(h state.Held) Letter {
	return Letter{
		ID: h.ID, Pipeline: h.Pipeline, Key: h.Key, Operation: h.Operation, Status: h.Status, Since: h.Since, Step: h.Step,
		Code: h.Code, Class: h.Class, Message: h.Message, Remedy: diag.Explain(h.Code), WaitsFor: waitsFor(h.WaitsFor),
		Attempts: h.Attempts, FirstAt: h.CreatedAt, LastAt: h.UpdatedAt, Run: h.Run, Version: h.Version,
		Queued: !h.QueuedAt.IsZero(), Reason: h.Reason,
	}
}

// Whole adds the records and what was sent and answered.
func (l Letter) Whole(h state.Held) Letter {
	l.Original, l.Current, l.Edited, l.EditedStep = asJSON(h.Original), asJSON(h.Current), asJSON(h.Edited), h.EditedStep
	_ = json.Unmarshal(h.Exchanges, &l.Exchanges) // none is none
	return l
}

func (r *room) letter(h state.Held) Letter {
	h.Message = r.Clean(h.Message)
	return AsLetter(h)
}

// whole is a letter with what only those see who mend.
func (r *room) whole(ctx context.Context, h state.Held) Letter {
	l := r.letter(h)
	if !who(ctx).Role.May(Operator) {
		return l
	}
	h.Exchanges = []byte(r.Clean(string(h.Exchanges)))
	return l.Whole(h)
}

// asJSON is data as it is, or as a text where it is no JSON.
func asJSON(data []byte) json.RawMessage {
	if len(data) == 0 || json.Valid(data) {
		return data
	}
	text, _ := json.Marshal(string(data)) // a text always has a form
	return text
}

// Group is letters with the same trouble.
type Group struct {
	Pipeline string    `json:"pipeline"`
	Status   string    `json:"status"`
	Step     string    `json:"step"`
	Code     string    `json:"code"`
	Letters  int64     `json:"letters"`
	Oldest   time.Time `json:"oldest"`
	Example  Letter    `json:"example"`
}

func (r *room) group(g state.HeldGroup) Group {
	return Group{g.Pipeline, g.Status, g.Step, g.Code, g.Letters, g.Oldest, r.letter(g.Example)}
}

func (r *room) groups(ctx context.Context, pipeline string) ([]Group, error) {
	groups, err := r.Store.HeldGroups(ctx, state.HeldFilter{Pipeline: pipeline})
	out := make([]Group, len(groups))
	for i, g := range groups {
		out[i] = r.group(g)
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(a.Status, b.Status) }) // the dead first
	return out, err
}
