// Package schedule hands runs out through River, in the same database as the state: periodic ones by the scheduler
// that River elects, others on demand. That no two runs of a pipeline are under way at once is the lease's work
// (engine/state), not the queue's: a job that finds its pipeline busy has nothing to do.
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
}

// Kind names the job to River.
func (Job) Kind() string { return "run" }

// Options of a Scheduler.
type Options struct {
	Node       string
	Log        *slog.Logger
	Work       func(context.Context, Job) error
	MaxWorkers int
	Every      map[string]time.Duration // pipelines that run on their own
	OnlyOwn    bool                     // works what RunOnce asks for and nothing that waits for any node
}

// Scheduler hands out and works runs.
type Scheduler struct {
	client queue
	close  func()
	opts   Options
	own    string // queue of jobs that this process must work itself

	mu      sync.Mutex
	waiting map[string]chan error // by ticket
}

// queue is what is used of a River client, whichever database it has.
type queue interface {
	Start(context.Context) error
	Stop(context.Context) error
	Insert(context.Context, river.JobArgs, *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// New prepares River's tables in the state database and returns a scheduler that does not run yet.
func New(ctx context.Context, store *state.Store, opts Options) (*Scheduler, error) {
	s := &Scheduler{opts: opts, own: "own_" + strings.ToLower(ulid.Make().String()), waiting: map[string]chan error{}}
	err := s.connect(ctx, store.DSN())
	if err != nil {
		return nil, fmt.Errorf("scheduler in %s: %w", state.SafeName(store.DSN()), err)
	}
	return s, nil
}

func (s *Scheduler) connect(ctx context.Context, dsn string) error {
	if state.IsPostgres(dsn) {
		pool, err := pgxpool.New(ctx, dsn)
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
	client, err := open[*sql.Tx](ctx, riversqlite.New(db), s)
	if err != nil {
		return err
	}
	s.client = client
	return nil
}

// open migrates River's tables and makes its client.
func open[T any](ctx context.Context, driver riverdriver.Driver[T], s *Scheduler) (*river.Client[T], error) {
	quiet := slog.New(levelled{s.opts.Log.Handler()})
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(s.work))
	queues := map[string]river.QueueConfig{s.own: {MaxWorkers: s.opts.MaxWorkers}}
	if !s.opts.OnlyOwn {
		queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: s.opts.MaxWorkers}
	}
	return river.NewClient(driver, &river.Config{
		ID:                ulid.Make().String(),
		Logger:            quiet,
		Workers:           workers,
		JobTimeout:        -1, // a first load takes as long as it takes
		FetchCooldown:     50 * time.Millisecond,
		FetchPollInterval: 250 * time.Millisecond,
		MaxAttempts:       1, // the engine retries, and knows better when
		PeriodicJobs:      s.periodic(),
		Queues:            queues,
	})
}

func (s *Scheduler) periodic() []*river.PeriodicJob {
	var jobs []*river.PeriodicJob
	for pipeline, every := range s.opts.Every {
		jobs = append(jobs, river.NewPeriodicJob(
			river.PeriodicInterval(every),
			func() (river.JobArgs, *river.InsertOpts) { return Job{Pipeline: pipeline}, nil },
			&river.PeriodicJobOpts{ID: "every-" + identifier(pipeline), RunOnStart: true},
		))
	}
	return jobs
}

// identifier keeps the characters that River allows in an ID.
func identifier(name string) string {
	out := []rune(name)
	for i, r := range out {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			out[i] = '_'
		}
	}
	return string(out)
}

func (s *Scheduler) work(ctx context.Context, job *river.Job[Job]) error {
	err := s.opts.Work(ctx, job.Args)
	if job.Args.Ticket != "" {
		s.mu.Lock()
		done := s.waiting[job.Args.Ticket]
		delete(s.waiting, job.Args.Ticket)
		s.mu.Unlock()
		if done != nil {
			done <- err
		}
	}
	if err != nil && !errors.Is(err, state.ErrBusy) {
		return river.JobCancel(err) // told by the run itself; another try is the next run
	}
	return nil
}

// Start begins to work.
func (s *Scheduler) Start(ctx context.Context) error {
	return s.client.Start(context.WithoutCancel(ctx)) // ended by Stop, which lets runs finish
}

// Stop takes no new runs and waits for those under way, at most until ctx ends.
func (s *Scheduler) Stop(ctx context.Context) error {
	defer s.close()
	err := s.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("some runs did not end in time; what they settled stands: %w", err)
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

// Trigger asks for a run now, wherever a node is free.
func (s *Scheduler) Trigger(ctx context.Context, pipeline string) error {
	_, err := s.client.Insert(ctx, Job{Pipeline: pipeline}, nil)
	return err
}

// levelled lets only what needs attention through: River tells a lot.
type levelled struct{ slog.Handler }

// Enabled is true from warnings up.
func (l levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && l.Handler.Enabled(ctx, level)
}
