package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// RunLine is a run.
type RunLine struct {
	ID         string                      `json:"id"`
	Pipeline   string                      `json:"pipeline"`
	Kind       string                      `json:"kind"`
	Status     string                      `json:"status"`
	Idle       bool                        `json:"idle" doc:"it brought nothing new: all that it counted was waiting before"`
	StartedAt  time.Time                   `json:"started_at"`
	FinishedAt *time.Time                  `json:"finished_at,omitempty"`
	TookMS     int64                       `json:"took_ms"`
	Counts     state.Counts                `json:"records"`
	Sinks      map[string]state.SinkCounts `json:"sinks" nullable:"false"`
	Error      string                      `json:"error,omitempty"`
	Node       string                      `json:"node"`
	Version    string                      `json:"definition"`
}

// Streak is a run, or the newest of several in a row that brought nothing new and are all alike.
type Streak struct {
	RunLine
	Streak string    `json:"streak" doc:"by which /api/v1/runs tells them one by one"`
	More   int64     `json:"more" doc:"how many others are like it"`
	Since  time.Time `json:"since" doc:"when the first of them began"`
}

func (r *room) runLine(x state.Run) RunLine {
	line := RunLine{
		ID: x.ID, Pipeline: x.Pipeline, Kind: x.Kind, Status: x.Status, Idle: x.Status != "running" && x.Idle(), StartedAt: x.StartedAt, Counts: x.Counts, Sinks: x.Sinks,
		Error: r.Clean(x.Error), Node: x.Node, Version: x.Version, TookMS: r.now().Sub(x.StartedAt).Milliseconds(),
	}
	if !x.FinishedAt.IsZero() {
		line.FinishedAt, line.TookMS = &x.FinishedAt, x.FinishedAt.Sub(x.StartedAt).Milliseconds()
	}
	return line
}

func (r *room) runs(ctx context.Context, f state.RunFilter) ([]RunLine, error) {
	runs, err := r.Store.Runs(ctx, f)
	out := make([]RunLine, len(runs))
	for i, x := range runs {
		out[i] = r.runLine(x)
	}
	return out, err
}

// manyRuns is how many runs a page shows.
const manyRuns = 25

// streaks returns a page of a pipeline's streaks, and the one to go on behind.
func (r *room) streaks(ctx context.Context, pipeline, before string) ([]Streak, string, error) {
	streaks, err := r.Store.Streaks(ctx, pipeline, before, manyRuns+1)
	older := ""
	if len(streaks) > manyRuns {
		streaks = streaks[:manyRuns]
		older = streaks[manyRuns-1].Streak
	}
	out := make([]Streak, len(streaks))
	for i, x := range streaks {
		out[i] = Streak{r.runLine(x.Run), x.Streak, x.Runs - 1, x.Since}
	}
	return out, older, err
}

// runsPage is runs of a pipeline: those older than before, or those of a streak one by one.
type runsPage struct {
	Name   string
	Streak string
	Runs   []Streak
	Older  string // address of the next page, "" = none
}

func (r *room) runsPage(req *http.Request) (any, error) {
	p, err := r.definitionOf(req.PathValue("name"))
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	out := &runsPage{Name: p.Name, Streak: req.FormValue("streak")}
	if out.Streak == "" {
		out.Runs, out.Older, err = r.streaks(req.Context(), p.Name, req.FormValue("before"))
	} else {
		q.Set("streak", out.Streak)
		var lines []RunLine
		lines, err = r.runs(req.Context(), state.RunFilter{Pipeline: p.Name, Streak: out.Streak, Before: req.FormValue("before"), Limit: manyRuns + 1})
		if len(lines) > manyRuns {
			lines = lines[:manyRuns]
			out.Older = lines[manyRuns-1].ID
		}
		for _, line := range lines {
			out.Runs = append(out.Runs, Streak{RunLine: line})
		}
	}
	if out.Older != "" {
		q.Set("before", out.Older)
		out.Older = "?" + q.Encode()
	}
	return out, err
}
