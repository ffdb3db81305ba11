// Package alert notices what is wrong and tells people: each thing once, and once more when it is well again.
package alert

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
)

const (
	duty       = "alerts"
	lookEvery  = 15 * time.Second
	tellEvery  = 5 * time.Minute // messages of one alert, at least; what comes meanwhile goes together
	beatEvery  = time.Minute
	tryAgain   = time.Hour // a comparison that could not be made
	beatTime   = 10 * time.Second
	passingFor = time.Minute // what was not seen for so long has passed, where it comes and goes
)

// Guard looks after what a project's alerts name. Several nodes have one each; one of them at a time is on duty.
type Guard struct {
	Store      *state.Store
	Runner     *run.Runner
	Log        *slog.Logger
	Project    func() *pipelines.Project
	Connectors func() []host.Status
	Clean      func(text string) string // takes secrets out
	URL        func() string            // of the dashboard, "" = there is none
	Now        func() time.Time
	Send       func(ctx context.Context, to, title, text string) error

	troubled bool
	lost     map[string]time.Time // connectors that ended too often, since when
	beaten   time.Time
	failed   map[string]time.Time // alerts that could not be told, and when
	compare  sync.WaitGroup
	busy     chan struct{} // one comparison at a time
	tried    map[string]time.Time
}

// Run looks every few seconds until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	defer g.compare.Wait()
	for {
		if err := g.Look(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("the alerts could not be looked after", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look says how this node's connections are and, when it is on duty, looks once at everything and tells what is new.
func (g *Guard) Look(ctx context.Context) error {
	if troubles := g.troubles(); len(troubles) > 0 || g.troubled {
		if err := g.Store.PutTroubles(ctx, g.Runner.Node, troubles); err != nil {
			return err
		}
		g.troubled = len(troubles) > 0
	}
	mine, err := g.Store.TakeDuty(ctx, duty, g.Runner.Node)
	if err != nil || !mine {
		return err
	}
	g.reconcile(ctx)
	if err := g.judge(ctx); err != nil {
		return err
	}
	g.beat(ctx)
	return nil
}

// troubles are those of the connections, and of connectors that ended too often.
func (g *Guard) troubles() []state.Trouble {
	out := g.Runner.Connections.Troubles()
	for i := range out {
		out[i].Reason = g.Clean(out[i].Reason)
	}
	lost := map[string]time.Time{}
	for _, c := range g.Connectors() {
		if c.State != host.Quarantined {
			continue
		}
		if lost[c.Name] = g.lost[c.Name]; lost[c.Name].IsZero() {
			lost[c.Name] = g.Now()
		}
		for _, conn := range g.Project().Connections {
			if conn.Type != c.Name && conn.Address() != c.Name || has(out, conn.Address()) {
				continue
			}
			out = append(out, state.Trouble{
				Connection: conn.Address(), Since: lost[c.Name],
				Reason: "its connector ended too often, and is left alone until " + c.Until.Format(time.TimeOnly),
			})
		}
	}
	g.lost = lost
	return out
}

func has(list []state.Trouble, connection string) bool {
	for _, t := range list {
		if t.Connection == connection {
			return true
		}
	}
	return false
}

// judge compares what is wrong now with what was, keeps it, and tells what is new and what has passed.
func (g *Guard) judge(ctx context.Context) error {
	known, err := g.Store.Alerts(ctx)
	if err != nil {
		return err
	}
	var wrong, well []state.Alert
	kept := map[id]bool{}
	for _, a := range g.Project().Alerts {
		found, err := g.findings(ctx, a)
		if err != nil {
			return err
		}
		for _, f := range found {
			f.Alert = a.Name
			f.Seen = g.Now()
			for i := range known {
				if of(&known[i]) == of(&f) {
					f.Told = known[i].Told
					if f.Condition == byRate {
						f.Since = known[i].Since
					}
				}
			}
			if kept[of(&f)] {
				continue
			}
			kept[of(&f)] = true
			wrong = append(wrong, f)
		}
	}
	for _, k := range known {
		switch {
		case kept[of(&k)]:
		case k.Condition == byRate && g.Now().Sub(k.Seen) < passingFor: // the next pause is likely to come
			wrong = append(wrong, k)
		default:
			well = append(well, k)
		}
	}
	if err := g.Store.PutAlerts(ctx, wrong); err != nil {
		return err
	}
	return g.tell(ctx, wrong, well)
}

type id struct{ alert, condition, subject string }

func of(a *state.Alert) id { return id{a.Alert, a.Condition, a.Subject} }

// beat tells an outside watchdog that all is looked after. When it hears nothing it is for the watchdog to tell.
func (g *Guard) beat(ctx context.Context) {
	where := g.Project().Engine.Heartbeat
	if where == "" || g.Now().Sub(g.beaten) < beatEvery {
		return
	}
	g.beaten = g.Now()
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err == nil {
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(req); err == nil {
			err = answer.Body.Close()
		}
	}
	if err != nil {
		g.Log.Warn("the watchdog could not be told that all is looked after", "error", g.Clean(err.Error()))
	}
}
