package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kopru-io/kopru/plugins/protocol"
)

const (
	transient = protocol.FailureClass_FAILURE_CLASS_TRANSIENT
	ambiguous = protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS
	invalid   = protocol.FailureClass_FAILURE_CLASS_INVALID
	fatal     = protocol.FailureClass_FAILURE_CLASS_FATAL
)

// Failure is what a connector, or the host in its place, says went wrong. Its class decides what happens next.
type Failure struct {
	Class         protocol.FailureClass
	Code          string // stable: "vismanet.item_not_found", "connector.died"
	Message       string
	Field         string
	RetryAfter    time.Duration
	RemoteStatus  int
	RemoteMessage string // the remote system's own words
	Exchanges     []*protocol.Exchange

	cause error
}

func (f *Failure) Error() string {
	if f.RemoteMessage != "" && f.RemoteMessage != f.Message {
		return f.Message + ": " + f.RemoteMessage
	}
	return f.Message
}

// Unwrap returns what made the host fail the call, such as the context's end.
func (f *Failure) Unwrap() error { return f.cause }

// AsError turns a connector's failure into a *Failure, nil into nil.
func AsError(f *protocol.Failure, exchanges []*protocol.Exchange) error {
	if f == nil {
		return nil
	}
	class := f.GetClass()
	if class == protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED {
		class = ambiguous // it says nothing about the outcome, so nothing is known
	}
	return &Failure{
		Class:         class,
		Code:          f.GetCode(),
		Message:       f.GetMessage(),
		Field:         f.GetField(),
		RetryAfter:    time.Duration(f.GetRetryAfterMs()) * time.Millisecond,
		RemoteStatus:  int(f.GetRemoteStatus()),
		RemoteMessage: f.GetRemoteMessage(),
		Exchanges:     exchanges,
	}
}

func fail(class protocol.FailureClass, code, format string, args ...any) *Failure {
	return &Failure{Class: class, Code: code, Message: fmt.Sprintf(format, args...)}
}

// callError explains the error of a call to p. The class is that of a call whose outcome nobody knows: TRANSIENT for
// what changes nothing, AMBIGUOUS for a write.
func callError(ctx context.Context, p *process, err error, class protocol.FailureClass) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(ctx, class)
	}
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	name := p.connector.name
	switch status.Code(err) {
	case codes.Unavailable:
		return p.died(class)
	case codes.Unimplemented:
		return fail(fatal, "connector.unsupported", "the connector %s does not know the call: %s", name, status.Convert(err).Message())
	case codes.Canceled:
		if !p.up() { // its connection was closed because it has ended
			return p.died(class)
		}
		return fail(class, "connector.cancelled", "the connector %s cancelled the call", name)
	}
	if errors.Is(err, io.EOF) {
		return fail(worst(class), "connector.protocol", "the connector %s ended a stream without a word", name)
	}
	return fail(worst(class), "connector.protocol", "the connector %s: %s", name, status.Convert(err).Message())
}

// worst is the class of a fault in the protocol itself: it would come again, but of a write the outcome is unknown.
func worst(class protocol.FailureClass) protocol.FailureClass {
	if class == ambiguous {
		return ambiguous
	}
	return fatal
}

// interrupted is the error of a call that the caller gave up. A write under way is then ambiguous.
func interrupted(ctx context.Context, class protocol.FailureClass) error {
	cause := context.Cause(ctx)
	if class != ambiguous {
		return cause
	}
	f := fail(ambiguous, "connector.interrupted", "the write was given up before its answer came: %v", cause)
	f.cause = cause
	return f
}
