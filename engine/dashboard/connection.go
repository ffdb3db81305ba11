package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kopru-io/kopru/pipelines"
)

// States of a connection.
const (
	Open   = "open"
	Paused = "paused" // its system wants to be left alone for a while
	Down   = "down"   // it fails whoever uses it
)

// ConnectionLine is a connection with how it is.
type ConnectionLine struct {
	Address     string     `json:"address"`
	Type        string     `json:"type"`
	Name        string     `json:"name"`
	Version     string     `json:"connector_version,omitempty"`
	State       string     `json:"state" enum:"open,paused,down"`
	Since       *time.Time `json:"since,omitempty" doc:"when it went down"`
	PausedUntil *time.Time `json:"paused_until,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	PerSecond   float64    `json:"calls_per_second,omitempty"`
	Concurrency int        `json:"calls_at_once,omitempty"`
	Settings    []Setting  `json:"settings" nullable:"false"`
	UsedBy      []string   `json:"used_by" nullable:"false"`
	Tested      *Tested    `json:"tested,omitempty" doc:"how the last live check came out"`
}

// Tested is a live check of a connection with when it was made.
type Tested struct {
	Checked
	At time.Time `json:"at"`
}

// Setting is a setting of a connection, without its value when that is a secret.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

func (r *room) connections(ctx context.Context) ([]ConnectionLine, error) {
	pauses, err := r.Store.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	troubles, err := r.Store.Troubles(ctx)
	if err != nil {
		return nil, err
	}
	tests, err := r.Store.Tests(ctx)
	if err != nil {
		return nil, err
	}
	project := r.Definition().Project
	out := []ConnectionLine{}
	for _, c := range project.Connections {
		line := ConnectionLine{
			Address: c.Address(), Type: c.Type, Name: c.Name, Version: c.Manifest.GetVersion(), PerSecond: c.Limit.PerSecond,
			State: Open, Concurrency: c.Limit.Concurrency, Settings: []Setting{}, UsedBy: []string{},
		}
		if t, ok := tests[c.Address()]; ok {
			line.Tested = &Tested{At: t.At}
			if err := json.Unmarshal(t.Answer, &line.Tested.Checked); err != nil {
				return nil, fmt.Errorf("the last test of %s: %w", c.Address(), err)
			}
		}
		for _, p := range pauses {
			if p.Connection == c.Address() {
				line.State, line.PausedUntil, line.Reason = Paused, &p.Until, r.Clean(p.Reason)
			}
		}
		for _, t := range troubles {
			if t.Connection == c.Address() {
				line.State, line.Since, line.Reason = Down, &t.Since, r.Clean(t.Reason)
			}
		}
		for _, a := range c.Manifest.GetConfig() {
			value, given := c.Config[a.GetName()]
			switch {
			case !given || value == nil:
			case a.GetSensitive():
				line.Settings = append(line.Settings, Setting{Name: a.GetName(), Secret: true})
			default:
				line.Settings = append(line.Settings, Setting{Name: a.GetName(), Value: r.Clean(plain(value))})
			}
		}
		for _, p := range project.Pipelines {
			if uses(p, c) {
				line.UsedBy = append(line.UsedBy, p.Name)
			}
		}
		out = append(out, line)
	}
	return out, nil
}

func uses(p *pipelines.Pipeline, c *pipelines.Connection) bool {
	return slices.ContainsFunc(p.Connections(), func(used *pipelines.Connection) bool { return used.Address() == c.Address() })
}

// plain is a value as people write it: texts without quotes.
func plain(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return pipelines.WriteValue(v)
}
