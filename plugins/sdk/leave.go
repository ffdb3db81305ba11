package sdk

import (
	"context"
	"time"
)

type beginBeforeKey struct{}

// withBeginBefore notes until when a batch's writes may go out, in Unix milliseconds; 0 = at any time.
func withBeginBefore(ctx context.Context, millis int64) context.Context {
	if millis == 0 {
		return ctx
	}
	return context.WithValue(ctx, beginBeforeKey{}, time.UnixMilli(millis))
}

// tooLate is a failure when the engine may have lost its leave to write by now.
func tooLate(ctx context.Context) error {
	if until, ok := ctx.Value(beginBeforeKey{}).(time.Time); ok && !time.Now().Before(until) {
		return Transient("connector.too_late", "the write was not sent: the time until which the engine had leave for it is over")
	}
	return nil
}
