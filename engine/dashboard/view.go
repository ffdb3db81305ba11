package dashboard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// Healths of a pipeline, the worst first.
const (
	Failing   = "failing"   // its last run failed
	Attention = "attention" // some records need a person
	Halted    = "paused"    // a person stopped its schedule
	Waiting   = "waiting"   // some records wait for something
	Well      = "well"
	Unknown   = "new" // it never ran
)

var healthOrder = []string{Failing, Attention, Halted, Waiting, Unknown, Well}

// PipelineLine is a pipeline at a glance.
type PipelineLine struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Health      string       `json:"health" enum:"failing,attention,paused,waiting,well,new"`
	Running     bool         `json:"running"`
	Schedule    string       `json:"schedule,omitempty"`
	Next        *time.Time   `json:"next,omitempty" doc:"when the next run is due; none without a schedule, or while no node runs it"`
	Here        bool         `json:"here" doc:"this node runs it"`
	Nodes       []string     `json:"nodes" nullable:"false" doc:"those that run it when it is due"`
	Last        *RunLine     `json:"last,omitempty"`
	InStep      *time.Time   `json:"in_step,omitempty" doc:"everything that the source had by then has its outcome"`
	LagSeconds  *float64     `json:"lag_s,omitempty" doc:"how long ago in_step is"`
	Today       state.Counts `json:"today"`
	Hours       []int64      `json:"hours" nullable:"false" doc:"records of the last 24 hours, the oldest first"`
	Dead        int64        `json:"dead"`
	Parked      int64        `json:"parked"`
	HaltedBy    string       `json:"paused_by,omitempty"`
	HaltedAt    *time.Time   `json:"paused_at,omitempty"`
}

// Unattended tells whether it has a schedule that nobody follows.
func (p *PipelineLine) Unattended() bool {
	return p.Schedule != (&pipelines.Schedule{}).String() && p.Next == nil && p.HaltedAt == nil && !p.Here && len(p.Nodes) == 0
}

// Overview is everything at a glance.
type Overview struct {
	Today       state.Counts     `json:"today"`
	Dead        int64            `json:"dead"`
	Parked      int64            `json:"parked"`
	Pipelines   []PipelineLine   `json:"pipelines" nullable:"false"`
	Connections []ConnectionLine `json:"connections" nullable:"false"`
	Nodes       []NodeLine       `json:"nodes" nullable:"false"`
	Alerts      []AlertLine      `json:"alerts" nullable:"false"`
	Definition  int              `json:"definition,omitempty"`
	Since       time.Time        `json:"since,omitzero"`
	Health      string           `json:"health"`
}

// NeedsSomebody tells whether there is something that does not mend itself.
func (o *Overview) NeedsSomebody() bool {
	return o.Health == Failing || o.Health == Attention || len(o.Alerts) > 0 || o.Down()
}

// Down tells whether a connection does not work.
func (o *Overview) Down() bool {
	return slices.ContainsFunc(o.Connections, func(c ConnectionLine) bool { return c.State == Down })
}

// AlertLine is something that is wrong, and that an alert watches over.
type AlertLine struct {
	Alert     string     `json:"alert"`
	Condition string     `json:"condition" enum:"dead_letters,lag,silence,connection_down,rate_limited,reconcile"`
	Subject   string     `json:"subject"`
	Since     time.Time  `json:"since"`
	Told      *time.Time `json:"told,omitempty" doc:"when people were told"`
	What      string     `json:"what"`
	Why       string     `json:"why,omitempty"`
	Remedy    string     `json:"remedy,omitempty"`
	Path      string     `json:"path" doc:"of the page to look at"`
}

func (r *room) alerts(ctx context.Context) ([]AlertLine, error) {
	list, err := r.Store.Alerts(ctx)
	out := make([]AlertLine, len(list))
	for i, a := range list {
		out[i] = AlertLine{
			Alert: a.Alert, Condition: a.Condition, Subject: a.Subject, Since: a.Since, What: a.What, Why: a.Why, Remedy: a.Remedy, Path: a.Path,
		}
		if !a.Told.IsZero() {
			out[i].Told = &list[i].Told
		}
	}
	return out, err
}

func midnight(now time.Time) time.Time {
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
}

func count(c *state.Counts, outcome state.Outcome, n int64) {
	switch outcome {
	case state.Delivered:
		c.Delivered += n
	case state.Unchanged:
		c.Unchanged += n
	case state.Filtered:
		c.Filtered += n
	case state.Parked:
		c.Parked += n
	case state.Dead:
		c.Dead += n
	default:
		return
	}
	c.Read += n
}

func (r *room) overview(ctx context.Context) (*Overview, error) {
	def := r.Definition()
	out := &Overview{Definition: def.Number, Since: def.Since, Health: Well, Pipelines: []PipelineLine{}}
	lines, err := r.pipelineLines(ctx)
	if err != nil {
		return nil, err
	}
	out.Pipelines = lines
	for i := range lines {
		out.Today.Add(lines[i].Today)
		out.Dead += lines[i].Dead
		out.Parked += lines[i].Parked
		if slices.Index(healthOrder, lines[i].Health) < slices.Index(healthOrder, out.Health) {
			out.Health = lines[i].Health
		}
	}
	if out.Connections, err = r.connections(ctx); err != nil {
		return nil, err
	}
	if out.Nodes, err = r.nodes(ctx); err != nil {
		return nil, err
	}
	out.Alerts, err = r.alerts(ctx)
	return out, err
}

func (r *room) pipelineLines(ctx context.Context) ([]PipelineLine, error) {
	def, now := r.Definition(), r.now()
	hours, err := r.Store.Hours(ctx, "", now.Add(-24*time.Hour).Truncate(time.Hour))
	if err != nil {
		return nil, err
	}
	held, err := r.Store.HeldCounts(ctx)
	if err != nil {
		return nil, err
	}
	halts, err := r.Store.Halts(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := r.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]PipelineLine, 0, len(def.Project.Pipelines))
	for _, p := range def.Project.Pipelines {
		line := PipelineLine{Name: p.Name, Description: p.Description, Schedule: p.Schedule.String(), Here: def.Runs[p.Name], Nodes: []string{}, Hours: make([]int64, 24)}
		for _, h := range hours {
			if h.Pipeline != p.Name {
				continue
			}
			if i := 23 - int(now.Truncate(time.Hour).Sub(h.Hour)/time.Hour); i >= 0 && i < 24 {
				line.Hours[i] += h.Records
			}
			if !h.Hour.Before(midnight(now)) {
				count(&line.Today, h.Outcome, h.Records)
			}
		}
		for _, c := range held {
			switch {
			case c.Pipeline != p.Name:
			case c.Status == state.HeldDead:
				line.Dead = c.Letters
			default:
				line.Parked = c.Letters
			}
		}
		for i := range nodes {
			if n := &nodes[i]; n.State() == "running" && slices.Contains(n.Serves, p.Name) {
				line.Nodes = append(line.Nodes, n.Name)
			}
		}
		if halt, ok := halts[p.Name]; ok {
			line.HaltedBy, line.HaltedAt = halt.Who, &halt.At
		} else if p.Schedule.Scheduled() && (line.Here || len(line.Nodes) > 0) {
			if next := p.Schedule.Next(now); !next.IsZero() {
				line.Next = &next
			}
		}
		if err := r.lastRuns(ctx, &line); err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, nil
}

// lastRuns fills in what the newest runs say.
func (r *room) lastRuns(ctx context.Context, line *PipelineLine) error {
	runs, err := r.Store.Runs(ctx, state.RunFilter{Pipeline: line.Name, Limit: 5})
	if err != nil {
		return err
	}
	for i, x := range runs {
		shown := r.runLine(x)
		if x.Status == "running" && i == 0 {
			line.Running = true
		}
		if x.Status != "running" && line.Last == nil {
			line.Last = &shown
		}
	}
	inStep, err := r.Store.InStep(ctx, line.Name)
	if err != nil {
		return err
	}
	if !inStep.IsZero() {
		lag := r.now().Sub(inStep).Seconds()
		line.InStep, line.LagSeconds = &inStep, &lag
	}
	switch {
	case line.Last != nil && line.Last.Status == run.Failed:
		line.Health = Failing
	case line.Dead > 0:
		line.Health = Attention
	case line.HaltedAt != nil:
		line.Health = Halted
	case line.Parked > 0:
		line.Health = Waiting
	case line.Last == nil && !line.Running:
		line.Health = Unknown
	default:
		line.Health = Well
	}
	return nil
}

// NodeLine is a process that runs pipelines.
type NodeLine struct {
	Name    string    `json:"name"`
	State   string    `json:"state" enum:"running,draining,gone"`
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Beat    time.Time `json:"last_heartbeat"`
	Runs    []string  `json:"runs" nullable:"false" doc:"what it is at now"`
	Serves  []string  `json:"serves" nullable:"false" doc:"the pipelines that it runs when they are due"`
}

func (r *room) nodes(ctx context.Context) ([]NodeLine, error) {
	nodes, err := r.Store.Nodes(ctx)
	out := make([]NodeLine, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		out[i] = NodeLine{n.Name, n.State(), n.Version, n.Since, n.Beat, append([]string{}, n.Runs...), append([]string{}, n.Serves...)}
	}
	return out, err
}

// StepLine is a step with what happened at it today.
type StepLine struct {
	Name       string           `json:"name"`
	Kind       string           `json:"kind" enum:"source,filter,lookup,transform,sink"`
	Connection string           `json:"connection,omitempty"`
	Entity     string           `json:"entity,omitempty"`
	Arrived    int64            `json:"arrived" doc:"records that came as far as this step"`
	Ended      map[string]int64 `json:"ended" nullable:"false" doc:"records that ended here, by outcome"`
	Did        map[string]int64 `json:"did" nullable:"false" doc:"what a sink did: created, updated, same"`
	Where      string           `json:"where" doc:"file and line of its definition"`
}

// PipelineView is all about one pipeline.
type PipelineView struct {
	PipelineLine
	Steps     []StepLine     `json:"steps" nullable:"false"`
	Runs      []Streak       `json:"runs" nullable:"false" doc:"the newest; those in a row that brought nothing new as one"`
	Backfills []BackfillLine `json:"backfills" nullable:"false"`
	Policy    []Setting      `json:"policy" nullable:"false" doc:"the settings in force"`
	Older     string         `json:"older_runs,omitempty" doc:"the streak to go on behind"`
}

// BackfillLine is a backfill with how far it is.
type BackfillLine struct {
	ID         string       `json:"id"`
	Span       string       `json:"span"`
	Status     string       `json:"status"`
	StartedAt  time.Time    `json:"started_at"`
	Done       int          `json:"partitions_done"`
	Partitions int          `json:"partitions"`
	Counts     state.Counts `json:"records"`
	Error      string       `json:"error,omitempty"`
}

func (r *room) pipeline(ctx context.Context, name string) (*PipelineView, error) {
	p, err := r.definitionOf(name)
	if err != nil {
		return nil, err
	}
	lines, err := r.pipelineLines(ctx)
	if err != nil {
		return nil, err
	}
	out := &PipelineView{Backfills: []BackfillLine{}, Policy: policyOf(p)}
	out.PipelineLine = lines[slices.IndexFunc(lines, func(l PipelineLine) bool { return l.Name == name })]
	if out.Runs, out.Older, err = r.streaks(ctx, name, ""); err != nil {
		return nil, err
	}
	if out.Steps, err = r.steps(ctx, p, out.Today); err != nil {
		return nil, err
	}
	fills, err := r.Store.Backfills(ctx, name, false, 5)
	for _, b := range fills {
		counts, _, _ := b.Total()
		out.Backfills = append(out.Backfills, BackfillLine{
			b.ID, b.Span, b.Status, b.StartedAt, b.Done(), len(b.Partitions), counts, r.Clean(b.Error),
		})
	}
	return out, err
}

func (r *room) definitionOf(name string) (*pipelines.Pipeline, error) {
	for _, p := range r.Definition().Project.Pipelines {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, notFound("There is no pipeline \"" + name + "\" in the definition in force.")
}

func (r *room) steps(ctx context.Context, p *pipelines.Pipeline, today state.Counts) ([]StepLine, error) {
	counts, err := r.Store.StepCounts(ctx, p.Name, midnight(r.now()))
	if err != nil {
		return nil, err
	}
	where := func(line int, file string) string { return fmt.Sprintf("%s:%d", file, line) }
	out := []StepLine{{
		Name: p.Source.Name, Kind: "source", Connection: p.Source.Connection.Address(), Entity: p.Source.Entity,
		Where: where(p.Source.Range.Start.Line, p.Source.Range.Filename),
	}}
	for _, step := range p.Steps {
		line := StepLine{Name: step.StepName(), Where: where(step.StepRange().Start.Line, step.StepRange().Filename)}
		switch s := step.(type) {
		case *pipelines.Filter:
			line.Kind = "filter"
		case *pipelines.Lookup:
			line.Kind, line.Connection, line.Entity = "lookup", s.Connection.Address(), s.Entity
		case *pipelines.Transform:
			line.Kind = "transform"
		case *pipelines.Sink:
			line.Kind, line.Connection, line.Entity = "sink", s.Connection.Address(), s.Entity
		}
		out = append(out, line)
	}
	left := today.Read
	for i := range out {
		s := &out[i]
		s.Arrived, s.Ended, s.Did = left, map[string]int64{}, map[string]int64{}
		of := counts[s.Name]
		if s.Kind == "source" {
			of = counts["source"]
		}
		for what, n := range of {
			switch what {
			case "created", "updated", "same":
				s.Did[what] = n
			default:
				s.Ended[what] = n
				left = max(0, left-n)
			}
		}
	}
	return out, nil
}

func policyOf(p *pipelines.Pipeline) []Setting {
	e := p.OnError
	return []Setting{
		{Name: "schedule", Value: p.Schedule.String()},
		{Name: "attempts", Value: fmt.Sprintf("%d, %s, %s … %s", e.Attempts, e.Backoff, written(e.Initial), written(e.Max))},
		{Name: "then", Value: e.Then},
		{Name: "park_for", Value: written(e.ParkFor)},
		{Name: "park_key", Value: fmt.Sprint(e.ParkKey)},
		{Name: "activity", Value: p.Activity},
		{Name: "payloads", Value: p.Payloads},
		{Name: "definition", Value: p.Version},
	}
}

// written is a duration as definitions have it: 30d, 15m.
func written(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return pipelines.Words(d)
}

// Chart is records per hour and outcome, for drawing.
type Chart struct {
	Hours  []int64            `json:"hours" nullable:"false" doc:"seconds since 1970, one an hour"`
	Series map[string][]int64 `json:"series" nullable:"false" doc:"records by outcome, one an hour"`
}

func (r *room) chart(ctx context.Context, pipeline string, hours int) (*Chart, error) {
	first := r.now().Truncate(time.Hour).Add(-time.Duration(hours-1) * time.Hour)
	rows, err := r.Store.Hours(ctx, pipeline, first)
	if err != nil {
		return nil, err
	}
	out := &Chart{Hours: make([]int64, hours), Series: map[string][]int64{}}
	for _, o := range []state.Outcome{state.Delivered, state.Unchanged, state.Filtered, state.Parked, state.Dead} {
		out.Series[string(o)] = make([]int64, hours)
	}
	for i := range out.Hours {
		out.Hours[i] = first.Add(time.Duration(i) * time.Hour).Unix()
	}
	for _, h := range rows {
		if i := int(h.Hour.Sub(first) / time.Hour); i >= 0 && i < hours && out.Series[string(h.Outcome)] != nil {
			out.Series[string(h.Outcome)][i] += h.Records
		}
	}
	return out, nil
}
