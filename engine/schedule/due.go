package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

const (
	pulse     = time.Second     // how often a node looks whether another one left something behind
	heartbeat = 5 * time.Second // how often a node tells that it lives
)

// timetable knows which runs are due. It belongs to one node; that a run is done once is for the database to say.
type timetable struct {
	plans map[string]pipelines.Schedule
	last  map[string]time.Time // what was handed out last
}

func newTimetable() *timetable {
	return &timetable{plans: map[string]pipelines.Schedule{}, last: map[string]time.Time{}}
}

// put replaces the schedules. A cron line counts from when it is first seen, unless it was followed before.
func (t *timetable) put(plans map[string]pipelines.Schedule, taken map[string]time.Time, now time.Time) {
	for name, plan := range plans {
		switch last, ok := taken[name]; {
		case ok && last.After(t.last[name]):
			t.last[name] = last
		case t.last[name].IsZero() && plan.Every == 0:
			t.last[name] = now
		}
	}
	t.plans = plans
}

// due lists the runs that are to be handed out now, and says when to look again.
func (t *timetable) due(now time.Time) (due map[string]time.Time, next time.Time) {
	due = map[string]time.Time{}
	for name, plan := range t.plans {
		if at, ok := plan.Due(t.last[name], now); ok {
			due[name] = at
		}
		if at := plan.Next(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return due, next
}

// Serve names the pipelines that this node runs, with their schedules. It may be called again at any time: what is
// under way goes on, what is not named any more is taken no more.
func (s *Scheduler) Serve(ctx context.Context, plans map[string]pipelines.Schedule) error {
	taken, err := s.store.LastDue(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.times.put(plans, taken, s.opts.Now())
	s.node.Serves = slices.Sorted(maps.Keys(plans))
	s.mu.Unlock()
	s.wake()
	return nil
}

// keepTime hands out what is due, by every node that knows the pipeline: of those that do it at the same time one
// succeeds, so it needs no leader and no one is missed while a leader is sought.
func (s *Scheduler) keepTime(ctx context.Context) {
	var beaten, looked time.Time
	for ctx.Err() == nil {
		if time.Since(beaten) >= heartbeat {
			s.beat(ctx)
			beaten = time.Now()
		}
		s.subscribe(ctx)
		next := s.handOut(ctx)
		if time.Since(looked) >= pulse {
			s.takeOver(ctx)
			s.helpBackfills(ctx)
			looked = time.Now()
		}
		wait := pulse
		if !next.IsZero() {
			wait = max(0, min(wait, next.Sub(s.opts.Now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.changed:
			looked = time.Time{}
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (s *Scheduler) beat(ctx context.Context) {
	s.mu.Lock()
	node := s.node
	s.mu.Unlock()
	if err := s.store.Beat(ctx, node); err != nil && ctx.Err() == nil {
		s.opts.Log.Warn("the state database could not be told that this node lives", "error", err)
	}
}

func (s *Scheduler) handOut(ctx context.Context) (next time.Time) {
	s.mu.Lock()
	due, next := s.times.due(s.opts.Now())
	s.mu.Unlock()
	for name, at := range due {
		if err := s.once(ctx, Job{Pipeline: name, Due: at.UnixMilli()}); err != nil {
			if ctx.Err() == nil {
				s.opts.Log.Warn("a run that is due could not be handed out; it will be tried again", "pipeline", name, "error", err)
			}
			continue
		}
		s.mu.Lock()
		s.times.last[name] = at
		s.mu.Unlock()
	}
	return next
}

// once inserts a job unless the very same was inserted before, here or elsewhere.
func (s *Scheduler) once(ctx context.Context, job Job) error {
	_, err := s.client.Insert(ctx, job, &river.InsertOpts{
		Queue: queueName(job.Pipeline), UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()},
	})
	return err
}

// takeOver hands out the runs that wait for nobody any more: of nodes that died, and those that waited for their end.
func (s *Scheduler) takeOver(ctx context.Context) {
	left, err := s.store.Takeovers(ctx)
	if err != nil {
		s.opts.Log.Debug("looking for what other nodes left behind", "error", err)
		return
	}
	for _, t := range left {
		s.mu.Lock()
		_, known := s.times.plans[t.Pipeline]
		s.mu.Unlock()
		if !known {
			continue
		}
		if err := s.once(ctx, Job{Pipeline: t.Pipeline, After: t.After, Died: t.Died}); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("a run could not be taken over; it will be tried again", "pipeline", t.Pipeline, "error", err)
		}
	}
}

// queueName is the queue of a pipeline. Each has its own, so that a node takes only what it knows.
func queueName(pipeline string) string {
	sum := sha256.Sum256([]byte(pipeline))
	return "p_" + hex.EncodeToString(sum[:12])
}

// subscribe makes the queues that are worked those of the pipelines that are known.
func (s *Scheduler) subscribe(ctx context.Context) {
	if s.opts.OnlyOwn {
		return
	}
	s.mu.Lock()
	known, queues := s.times.plans, maps.Clone(s.queues)
	s.mu.Unlock()
	for name, worked := range queues {
		if _, ok := known[name]; (!ok || !worked) && s.unsubscribe(ctx, name) {
			delete(queues, name)
		}
	}
	for name := range known {
		if _, ok := queues[name]; ok {
			continue
		}
		// One works, and one finds that there is nothing to do while the other works.
		err := s.client.Queues().Add(queueName(name), river.QueueConfig{MaxWorkers: 2, FetchPollInterval: pulse})
		if err != nil {
			s.opts.Log.Warn("runs of a pipeline can't be taken; it will be tried again", "pipeline", name, "error", err)
			continue
		}
		s.mu.Lock()
		s.queues[name] = true
		s.mu.Unlock()
	}
}

// unsubscribe takes no more of a pipeline's runs. It is false while one is under way, and is then to be called again.
func (s *Scheduler) unsubscribe(ctx context.Context, name string) bool {
	brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	var gone *river.QueueNotFoundError
	err := s.client.Queues().Remove(brief, queueName(name))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !errors.As(err, &gone) {
		s.queues[name] = false
		return false
	}
	delete(s.queues, name)
	return true
}

// workAny works a job that any node might have taken.
func (s *Scheduler) workAny(ctx context.Context, job *river.Job[Job]) error {
	j := job.Args
	s.mu.Lock()
	plan, known := s.times.plans[j.Pipeline]
	s.mu.Unlock()
	if !known { // it was taken off a moment ago
		if time.Since(job.CreatedAt) < time.Minute {
			return river.JobSnooze(pulse)
		}
		return river.JobCancel(errors.New("this pipeline is no more"))
	}
	if halted, err := s.halted(ctx, j); halted || err != nil {
		return err
	}
	waited, goOn, err := s.take(ctx, j)
	if errors.Is(err, state.ErrUnavailable) {
		return river.JobSnooze(pulse)
	}
	if err != nil || !goOn {
		return err
	}
	err = s.opts.Work(ctx, j)
	switch {
	case !errors.Is(err, state.ErrBusy):
		s.wake()
	case waited || j.Due > 0 && plan.Overlap == "queue":
		return s.store.Await(ctx, j.Pipeline)
	case j.Due > 0:
		s.opts.Log.Info("a run that was due is skipped: the one before is still under way", "pipeline", j.Pipeline)
	}
	return over(err)
}

// halted tells whether a person has stopped the schedule that a job comes from.
func (s *Scheduler) halted(ctx context.Context, j Job) (bool, error) {
	if j.Due == 0 {
		return false, nil
	}
	halts, err := s.store.Halts(ctx)
	if errors.Is(err, state.ErrUnavailable) {
		return false, river.JobSnooze(pulse)
	}
	_, halted := halts[j.Pipeline]
	return halted, err
}

// take tells whether a job is still to be done, and whether it is the one that waited.
func (s *Scheduler) take(ctx context.Context, j Job) (waited, goOn bool, err error) {
	switch {
	case j.Due > 0:
		goOn, err = s.store.TakeDue(ctx, j.Pipeline, time.UnixMilli(j.Due))
	case j.After > 0:
		waited, err = s.store.TakeWaiting(ctx, j.Pipeline)
		goOn = waited || j.Died
	default:
		goOn = true
	}
	return waited, goOn, err
}

// wake makes keepTime look now: a run has ended, and another may wait for that.
func (s *Scheduler) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}
