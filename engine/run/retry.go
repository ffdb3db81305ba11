package run

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// maxConflicts is how often a record is read and planned again because somebody else changed it meanwhile.
const maxConflicts = 3

// backoff is the pause before the given attempt (the first retry is attempt 1), with jitter.
func backoff(p pipelines.OnError, attempt int) time.Duration {
	d := p.Initial
	if p.Backoff != "constant" {
		d <<= min(attempt-1, 20)
	}
	if d > p.Max || d <= 0 {
		d = p.Max
	}
	return d/2 + rand.N(d/2+1)
}

// retryTransient runs op until it succeeds or fails for a reason that another try does not mend. Nothing may have
// been stored by a failed try: ambiguous failures come back to the caller, who asks the target first.
func retryTransient(ctx context.Context, p pipelines.OnError, op func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		if !isClass(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT) || attempt >= p.Attempts {
			return err
		}
		if waitErr := sleepUntil(ctx, time.Now().Add(backoff(p, attempt))); waitErr != nil {
			return err
		}
	}
}
