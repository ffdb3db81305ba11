package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/record"
)

// Story is what is kept of a record on its way.
type Story struct {
	Operation  string          `json:"operation"`
	OccurredAt string          `json:"occurred_at,omitempty"`
	Source     json.RawMessage `json:"source,omitempty" doc:"what came in"`
	Step       string          `json:"step,omitempty" doc:"where it ended, when that was before the end"`
	Steps      []StoryStep     `json:"steps" nullable:"false"`
	Effects    []StoryEffect   `json:"effects" nullable:"false"`
	Exchanges  []Exchange      `json:"exchanges" nullable:"false"`
}

// StoryStep is the record after a step.
type StoryStep struct {
	Step   string          `json:"step"`
	Record json.RawMessage `json:"record"`
}

// StoryEffect is what a sink did, with values.
type StoryEffect struct {
	Step      string          `json:"step"`
	Entity    string          `json:"entity"`
	Action    string          `json:"action"`
	ID        string          `json:"id"`
	Fields    json.RawMessage `json:"fields,omitempty" doc:"what a create sent"`
	Changes   []FieldChange   `json:"changes,omitempty"`
	Protected []FieldChange   `json:"protected,omitempty" doc:"differences that were left alone"`
}

// FieldChange is a field that differs.
type FieldChange struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

// readStory reads a story, and the documents in it as they are shown: each against the one before.
func readStory(body []byte) (*Story, []Documents, error) {
	if len(body) == 0 {
		return nil, nil, nil
	}
	var s Story
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, nil, fmt.Errorf("the story of a record can't be read: %w", err)
	}
	var out []Documents
	var before any
	if len(s.Source) > 0 && string(s.Source) != "null" {
		doc, err := record.Decode(s.Source)
		if err != nil {
			return nil, nil, err
		}
		before = doc
		out = append(out, Documents{Lines: document(doc, doc)})
	}
	for _, step := range s.Steps {
		doc, err := record.Decode(step.Record)
		if err != nil {
			return nil, nil, err
		}
		lines, changes := document(before, doc), 0
		for _, l := range lines {
			if l.Mark != "" {
				changes++
			}
		}
		out = append(out, Documents{Step: step.Step, Lines: lines, Changes: changes})
		before = doc
	}
	return &s, out, nil
}

// why says in one sentence how a record ended, in the language that say speaks.
func why(e Entry, letters []Letter, say func(format string, args ...any) string) string {
	switch e.Outcome {
	case state.Filtered:
		return say("Skipped: %s.", e.Reason)
	case state.Unchanged:
		return say("Left alone: everything it asks for stands in the target already.")
	case state.Delivered:
		var made []string
		for _, f := range e.Effects {
			if f.Action != "unchanged" && f.ID != "" {
				made = append(made, say(past(f.Action))+" "+f.Entity+" "+f.ID)
			}
		}
		if made == nil {
			return say("Delivered.")
		}
		return say("Delivered: %s.", strings.Join(made, ", "))
	case state.Discarded:
		return say("Closed by a person: %s.", e.Reason)
	case state.Parked:
		for _, l := range letters {
			if l.Status == state.HeldParked {
				return say("Waits at step %q for %s, and is tried again as soon as that is there.", l.Step, l.WaitsFor)
			}
		}
		return say("Waited: %s.", e.Reason)
	case state.Dead:
		for _, l := range letters {
			if l.Open() {
				return say("Failed at step %q: %s", l.Step, e.Reason)
			}
		}
		return say("Failed: %s", e.Reason)
	}
	return e.Reason
}

// past is what was done, of what a plan says will be.
func past(action string) string {
	return map[string]string{"create": "created", "update": "updated"}[action]
}
