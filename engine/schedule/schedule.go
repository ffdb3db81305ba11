// Package schedule hands runs out through River, in the same database as the state: those that are due, those that a
// dead node left behind, and those on demand. That a run which is due is done once, and that no two runs of a pipeline
// are under way at once, is the database's work (engine/state), not the queue's.
package schedule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/kopru-io/kopru/engine/state"
)

// Job is one run to be done.
type Job struct {
	Pipeline string `json:"pipeline"`
	Ticket   string `json:"ticket,omitempty"` // set when somebody waits for this very job
	Due      int64  `json:"due,omitempty"`    // milliseconds: when it was due by its schedule
	After    int64  `json:"after,omitempty"`  // the fence of the run that it follows, which died or was waited for
	Died     bool   `json:"died,omitempty"`
}

// Kind names the job to River.
func (Job) Kind() string { return "run" }

// Options of a Scheduler.
type Options struct {
	Node       string
	Version    string // of the program
	Log        *slog.Logger
	Work       func(context.Context, Job) error
	Backfill   func(context.Context, BackfillJob) error // nil = this node leaves backfills to others
	MaxWorkers int                                      // of RunOnce
	OnlyOwn    bool                                     // works what RunOnce asks for and nothing that waits for any node
	Now        func() time.Time                         // nil = time.Now
}

// Scheduler hands out and works runs.
type Scheduler struct {
	client queue
	close  func()
	store  *state.Store
	opts   Options
	own    string // queue of jobs that this process must work itself

	stopTime func() // ends keepTime
	changed  chan struct{}

	mu      sync.Mutex
	waiting map[string]chan error // by ticket
	times   *timetable
	queues  map[string]bool // by pipeline: worked, or false when it is being taken off
	node    state.Node
}

// queue is what is used of a River client, whichever database it has.
type queue interface {
	Start(context.Context) error
	Stop(context.Context) error
	StopAndCancel(context.Context) error
	Queues() *river.QueueBundle
	Insert(context.Context, river.JobArgs, *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// New prepares River's tables in the state database and returns a scheduler that does not run yet.
func New(ctx context.Context, store *state.Store, opts Options) (*Scheduler, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Scheduler{
		store: store, opts: opts, own: "own_" + strings.ToLower(ulid.Make().String()), waiting: map[string]chan error{},
		stopTime: func() {}, changed: make(chan struct{}, 1), times: newTimetable(), queues: map[string]bool{},
		node: state.Node{Name: opts.Node, Version: opts.Version, Since: opts.Now()},
	}
	err := s.connect(ctx, store.DSN())
	if err != nil {
		return nil, fmt.Errorf("scheduler in %s: %w", state.SafeName(store.DSN()), err)
	}
	return s, nil
}

func (s *Scheduler) connect(ctx context.Context, dsn string) error {
	if state.IsPostgres(dsn) {
		config, err := pgxpool.ParseConfig(dsn)
		if err != nil {
			return err
		}
		state.Unfreeze(config.ConnConfig)
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return err
		}
		s.close = pool.Close
		client, err := open[pgx.Tx](ctx, riverpgxv5.New(pool), s)
		if err != nil {
			return err
		}
		s.client = client
		return nil
	}
	db, err := sql.Open("sqlite", state.SQLiteName(dsn))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	s.close = func() { _ = db.Close() }
	client, err := open[*sql.Tx](ctx, unheard{riversqlite.New(db)}, s)
	if err != nil {
		return err
	}
	s.client = client
	return nil
}

// unheard is SQLite's driver without its listener, which asks the database twenty times a second what others have put
// there: River tells itself of its own jobs at once then, and the queues are looked at once a second for others'.
type unheard struct{ *riversqlite.Driver }

// SupportsListener says no.
func (unheard) SupportsListener() bool { return false }

// open migrates River's tables and makes its client.
func open[T any](ctx context.Context, driver riverdriver.Driver[T], s *Scheduler) (*river.Client[T], error) {
	quiet := slog.New(levelled{s.opts.Log.Handler()})
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	err = s.store.Alone(ctx, func() error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(s.work))
	river.AddWorker(workers, river.WorkFunc(s.workBackfill))
	return river.NewClient(driver, &river.Config{
		ID:                ulid.Make().String(),
		Logger:            quiet,
		Workers:           workers,
		JobTimeout:        -1, // a first load takes as long as it takes
		FetchCooldown:     10 * time.Millisecond,
		FetchPollInterval: pulse,
		MaxAttempts:       1, // the engine retries, and knows better when
		Queues:            map[string]river.QueueConfig{s.own: {MaxWorkers: s.opts.MaxWorkers}},
	})
}

func (s *Scheduler) work(ctx context.Context, job *river.Job[Job]) error {
	if job.Args.Ticket == "" {
		return s.workAny(ctx, job)
	}
	err := s.opts.Work(ctx, job.Args)
	s.mu.Lock()
	done := s.waiting[job.Args.Ticket]
	delete(s.waiting, job.Args.Ticket)
	s.mu.Unlock()
	if done != nil {
		done <- err
	}
	return over(err)
}

// over is how a job ends: what went wrong was told by the run itself, and another try is the next run.
func over(err error) error {
	if err != nil && !errors.Is(err, state.ErrBusy) {
		return river.JobCancel(err)
	}
	return nil
}

// Start begins to work.
func (s *Scheduler) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // ended by Stop, which lets runs finish
	if err := s.client.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.keepTime(ctx)
	}()
	s.stopTime = func() { cancel(); <-ended }
	return nil
}

// lastWords is how long a run that was cut short may take to give its lease back.
const lastWords = 10 * time.Second

// Stop takes no new runs and waits for those under way, at most until ctx ends. Then it cuts them short.
func (s *Scheduler) Stop(ctx context.Context) error {
	defer s.close()
	s.stopTime()
	s.mu.Lock()
	s.node.Draining = true
	s.mu.Unlock()
	s.beat(ctx)
	err := s.client.Stop(ctx)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("some runs did not end in time and were cut short; what they settled stands: %w",
			errors.Join(err, s.client.StopAndCancel(after)))
	}
	if leaveErr := s.store.Leave(after, s.opts.Node); leaveErr != nil {
		s.opts.Log.Warn("this node stays on the list of nodes", "error", leaveErr)
	}
	return err
}

// RunOnce runs each pipeline once, in this process, and waits for all of them. It returns their errors joined.
func (s *Scheduler) RunOnce(ctx context.Context, pipelines []string) error {
	results := make([]chan error, 0, len(pipelines))
	for _, name := range pipelines {
		ticket, done := ulid.Make().String(), make(chan error, 1)
		s.mu.Lock()
		s.waiting[ticket] = done
		s.mu.Unlock()
		if _, err := s.client.Insert(ctx, Job{Pipeline: name, Ticket: ticket}, &river.InsertOpts{Queue: s.own}); err != nil {
			return fmt.Errorf("handing out a run of %q: %w", name, err)
		}
		results = append(results, done)
	}
	var errs []error
	for _, done := range results {
		select {
		case err := <-done:
			errs = append(errs, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.Join(errs...)
}

// Trigger asks for a run now, wherever a node that knows the pipeline is free.
func (s *Scheduler) Trigger(ctx context.Context, pipeline string) error {
	_, err := s.client.Insert(ctx, Job{Pipeline: pipeline}, &river.InsertOpts{Queue: queueName(pipeline)})
	return err
}

// levelled lets only what needs attention through: River tells a lot, and of a database that is away the engine tells
// itself, in words for people.
type levelled struct{ slog.Handler }

// Enabled is true from warnings up.
func (l levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && l.Handler.Enabled(ctx, level)
}

// Handle shows what is about jobs, and the rest to those who want details.
func (l levelled) Handle(ctx context.Context, r slog.Record) error {
	if !strings.HasPrefix(r.Message, "jobexecutor.") {
		if r.Level = slog.LevelDebug; !l.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs adds attributes.
func (l levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{l.Handler.WithAttrs(attrs)}
}

// WithGroup adds a group.
func (l levelled) WithGroup(name string) slog.Handler { return levelled{l.Handler.WithGroup(name)} }
