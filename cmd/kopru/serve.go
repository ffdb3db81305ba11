package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/schedule"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/telemetry"
	"github.com/kopru-io/kopru/pipelines"
)

// server is `kopru run`: the definition in force, and what runs it.
type server struct {
	*cli
	project   *project
	names     []string // of the pipelines to run, none = all
	runner    *run.Runner
	scheduler *schedule.Scheduler
	database  string // as people may see it
	telemetry *telemetry.Telemetry

	mu  sync.Mutex
	now *generation
	url string // of the dashboard, "" = it can't be reached yet
}

// generation is a definition that was found valid. Runs end with the one that they began with.
type generation struct {
	number  int
	since   time.Time
	project *pipelines.Project
	picked  map[string]*pipelines.Pipeline
}

func (c *cli) serve(ctx context.Context, p *project, names []string, runner *run.Runner, store *state.Store) error {
	s := &server{cli: c, project: p, names: names, runner: runner, database: state.SafeName(store.DSN())}
	var err error
	s.scheduler, err = schedule.New(ctx, store, schedule.Options{
		Node: runner.Node, Version: version, Log: p.log, MaxWorkers: 4, Work: s.work, Backfill: s.helpBackfill,
	})
	if err != nil {
		return err
	}
	seen := s.fingerprint(p.Project) // before anything is changed
	if err := s.swap(ctx, p.Project); err != nil {
		return err
	}
	if err := s.observe(ctx); err != nil {
		return err
	}
	defer s.unobserve(ctx)
	if err := s.scheduler.Start(ctx); err != nil {
		return err
	}
	if err := s.tellStart(); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ctx, end := context.WithCancel(ctx)
	defer end()
	shown := make(chan error, 1)
	go func() {
		err := s.dashboard(ctx)
		if err != nil { // what was asked for and can't be had ends the engine
			end()
		}
		shown <- err
	}()
	var beside sync.WaitGroup
	beside.Go(func() { s.tidy(ctx, store) })
	beside.Go(func() { s.guard().Run(ctx) })
	s.watch(ctx, seen, hangup)
	end()
	beside.Wait()
	runner.Drain()
	err = stop(ctx, s.scheduler, s.current().project.Engine.Drain)
	return errors.Join(<-shown, err)
}

// tidy removes what was kept long enough, whenever it is time.
func (s *server) tidy(ctx context.Context, store *state.Store) {
	for {
		sweep(ctx, s.project.log, store, s.current().project.Engine.Retention)
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return
		}
	}
}

func sweep(ctx context.Context, log *slog.Logger, store *state.Store, keep pipelines.Retention) {
	removed, err := store.Sweep(ctx, state.Retention(keep))
	maps.DeleteFunc(removed, func(_ string, n int64) bool { return n == 0 })
	if len(removed) > 0 {
		log.Info("what was kept long enough was removed", "rows", removed)
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("what was kept long enough could not all be removed; it will be tried again", "error", err)
	}
}

func (s *server) current() *generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) work(ctx context.Context, job schedule.Job) error {
	pipeline := s.current().picked[job.Pipeline]
	if pipeline == nil {
		return fmt.Errorf("there is no pipeline %q any more", job.Pipeline)
	}
	_, err := s.runner.Run(ctx, pipeline)
	if err != nil && !errors.Is(err, state.ErrBusy) {
		s.project.log.Error("a run failed", "pipeline", job.Pipeline, "error", err)
	}
	return err
}

// swap puts a definition in force: for the runs that begin from now on.
func (s *server) swap(ctx context.Context, p *pipelines.Project) error {
	g := &generation{number: 1, since: time.Now(), project: p, picked: map[string]*pipelines.Pipeline{}}
	plans := map[string]pipelines.Schedule{}
	for _, pipeline := range p.Pipelines {
		if s.wanted(pipeline.Name) {
			g.picked[pipeline.Name], plans[pipeline.Name] = pipeline, pipeline.Schedule
		}
	}
	s.project.secrets.add(p.Secrets)
	s.mu.Lock()
	before := s.now
	if before != nil {
		g.number = before.number + 1
	}
	s.now = g
	s.mu.Unlock()
	if err := s.scheduler.Serve(ctx, plans); err != nil {
		s.mu.Lock()
		s.now = before
		s.mu.Unlock()
		return err
	}
	s.runner.Connections.Keep(p.Connections)
	return nil
}

func (s *server) wanted(name string) bool {
	for _, n := range s.names {
		if n == name {
			return true
		}
	}
	return len(s.names) == 0
}

// started is what `kopru run` says when it begins, and when a new definition is in force.
type started struct {
	Definition int           `json:"definition"`
	Since      string        `json:"since"`
	State      string        `json:"state"`
	Node       string        `json:"node"`
	Pipelines  []startedLine `json:"pipelines"`
}

type startedLine struct {
	Name     string `json:"name"`
	Schedule string `json:"schedule"`
	Overlap  string `json:"overlap,omitempty"`
	Next     string `json:"next,omitempty"`
}

func (s *server) started() started {
	g := s.current()
	out := started{
		Definition: g.number, Since: g.since.Format(time.DateTime), State: s.database, Node: s.runner.Node,
		Pipelines: []startedLine{},
	}
	for _, p := range g.project.Pipelines {
		if g.picked[p.Name] == nil {
			continue
		}
		line := startedLine{Name: p.Name, Schedule: p.Schedule.String()}
		if p.Schedule.Scheduled() {
			line.Overlap = p.Schedule.Overlap
			line.Next = p.Schedule.Next(g.since).Format("2006-01-02 15:04:05 MST")
		}
		out.Pipelines = append(out.Pipelines, line)
	}
	return out
}

func (s *server) tellStart() error {
	told := s.started()
	if s.json {
		return s.printJSON(told)
	}
	fmt.Fprintf(s.err, "definition %d in force since %s · state in %s · node %s\n", told.Definition, told.Since, told.State, told.Node)
	width, scheduled := 0, false
	for _, p := range told.Pipelines {
		width = max(width, len([]rune(p.Name)))
		scheduled = scheduled || p.Next != ""
	}
	for _, p := range told.Pipelines {
		line := p.Schedule
		if p.Next != "" {
			line += " · next " + p.Next
		}
		if p.Overlap == "queue" {
			line += " · a run that is due while one is under way waits for it"
		}
		fmt.Fprintf(s.err, "  %-*s  %s\n", width, p.Name, line)
	}
	if !scheduled {
		fmt.Fprintf(s.err, "  no pipeline has a schedule: give one every = \"5m\", or run them now with: kopru run --once\n")
	}
	fmt.Fprintf(s.err, "end with Ctrl-C\n")
	return nil
}
