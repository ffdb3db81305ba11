package run

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// maxConflicts is how often a record is read and planned again because somebody else changed it meanwhile.
const maxConflicts = 3

// jitter is the part of a pause by which it varies, so that those who failed together do not come back together.
const jitter = 0.25

// backoff is the pause before the given attempt of a record, or of a run (the first retry is attempt 1), with jitter.
func backoff(p pipelines.OnError, attempt int) time.Duration {
	d := p.Initial
	if p.Backoff != "constant" {
		d <<= min(attempt-1, 20)
	}
	if d > p.Max || d <= 0 {
		d = p.Max
	}
	return d - time.Duration(jitter*rand.Float64()*float64(d))
}

// retryTransient runs op until it succeeds or fails for a reason that another try does not mend. Nothing may have
// been stored by a failed try: ambiguous failures come back to the caller, who asks the target first.
func retryTransient(ctx context.Context, p pipelines.OnError, op func(context.Context) error) error {
	b := retrypolicy.NewBuilder[any]().HandleIf(func(_ any, err error) bool {
		return isClass(err, protocol.FailureClass_FAILURE_CLASS_TRANSIENT)
	}).WithMaxAttempts(max(p.Attempts, 1)).ReturnLastFailure().WithJitterFactor(jitter)
	if p.Backoff == "constant" || p.Initial >= p.Max {
		b = b.WithDelay(min(p.Initial, p.Max))
	} else {
		b = b.WithBackoff(p.Initial, p.Max)
	}
	return failsafe.With(b.Build()).WithContext(ctx).Run(func() error { return op(ctx) })
}
