package run

import (
	"context"
	"fmt"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Two nodes that want the same new customer must not both create it. Within a process a lock sees to that; between
// processes the announcement of the create does: it stands in the database once per thing, and whoever comes second
// waits for the answer that the first one gets.

const (
	claimPause    = 100 * time.Millisecond
	claimPatience = time.Minute
)

// claim is what a record's turn at a sink knows about its announcement.
type claim struct {
	mine   bool // it stands in the database
	shared bool // others may be waiting for it
	since  time.Time
}

// elsewhere says that somebody else may have been at the same create: the target has to be asked once more.
type elsewhere struct{ state.Claim }

func (e *elsewhere) Error() string { return "another run is at the same create" }

// announce notes a create before it is sent. It is an *elsewhere when another look at the target must come first.
func (e *execution) announce(ctx context.Context, w want, in state.Intent) error {
	c, err := e.asks.announced.one(ctx, in)
	if err != nil {
		return err
	}
	again := c.Held || c.Earlier || c.Others && !w.claim.mine
	w.claim.mine, w.claim.shared = w.claim.mine || !c.Held, c.Others
	if again {
		return &elsewhere{c}
	}
	return nil
}

// turn waits for whoever is at the same create, and returns the link that the target is to be asked by.
func (e *execution) turn(ctx context.Context, s *pipelines.Sink, w want, other *elsewhere) (state.Link, error) {
	switch {
	case other.ID != "":
		return state.Link{Scope: s.Scope, Key: w.linkKey, TargetID: other.ID}, nil
	case !other.Held:
		return e.link(ctx, s, w.linkKey)
	case w.claim.since.IsZero():
		w.claim.since = time.Now()
	case time.Since(w.claim.since) > claimPatience:
		return state.Link{}, &host.Failure{
			Class: protocol.FailureClass_FAILURE_CLASS_TRANSIENT, Code: "sink.announced_elsewhere",
			Message: fmt.Sprintf("another run announced the same %s and has not said for %s how that ended; replay this one later",
				s.Entity, claimPatience),
		}
	}
	if err := sleepUntil(ctx, time.Now().Add(claimPause)); err != nil {
		return state.Link{}, err
	}
	return e.link(ctx, s, w.linkKey)
}

// answered tells those who wait what a create has brought.
func (e *execution) answered(ctx context.Context, w want, in state.Intent, id string) error {
	if !w.claim.shared {
		return nil
	}
	if err := e.durable(ctx, func() error { return e.store.Answered(ctx, in, id) }); err != nil {
		return &stop{err}
	}
	return nil
}

// unclaim lets others go on after a create that did not come through.
func (e *execution) unclaim(ctx context.Context, s *pipelines.Sink, it *item, w want) {
	if !w.claim.mine {
		return
	}
	if err := e.store.Unclaim(context.WithoutCancel(ctx), e.intent(s, it, w)); err != nil {
		e.log.Debug("an announcement could not be given back; it is when this run ends", "error", err)
	}
}
