package schedule

import (
	"context"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// BackfillJob is a node's share of a backfill: it works on partitions until none is left. Which one it takes next is
// for the database to say (engine/state), and so is whether a dead node's is free: within LeaseTime, without waiting
// for River to find out that its job will never end.
type BackfillJob struct {
	Backfill string `json:"backfill"`
	Pipeline string `json:"pipeline"`
	Node     string `json:"node"`
}

// Kind names the job to River.
func (BackfillJob) Kind() string { return "backfill" }

// helpBackfills gives this node its share of every backfill that is under way and that it has no share of yet: of one
// that has just begun, and of one that this node left or joins in the middle.
func (s *Scheduler) helpBackfills(ctx context.Context) {
	if s.opts.OnlyOwn || s.opts.Backfill == nil {
		return
	}
	running, err := s.store.RunningBackfills(ctx)
	if err != nil {
		s.opts.Log.Debug("looking for backfills that are under way", "error", err)
		return
	}
	for id, pipeline := range running {
		s.mu.Lock()
		_, known := s.times.plans[pipeline]
		s.mu.Unlock()
		if !known {
			continue
		}
		_, err := s.client.Insert(ctx, BackfillJob{Backfill: id, Pipeline: pipeline, Node: s.opts.Node}, &river.InsertOpts{
			Queue: s.own, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled,
			}},
		})
		if err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("this node can't help with a backfill; it will try again", "pipeline", pipeline, "error", err)
		}
	}
}

func (s *Scheduler) workBackfill(ctx context.Context, job *river.Job[BackfillJob]) error {
	return over(s.opts.Backfill(ctx, job.Args))
}
