package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/transforms"
)

// problem is why a record could not go on.
type problem struct {
	code      string
	class     string
	message   string
	exchanges []*protocol.Exchange
}

// stop ends the whole run: the fault is not the record's.
type stop struct{ err error }

func (s *stop) Error() string { return s.err.Error() }
func (s *stop) Unwrap() error { return s.err }

// className is the word for a class in messages and in the database.
func className(c protocol.FailureClass) string {
	return strings.ToLower(strings.TrimPrefix(c.String(), "FAILURE_CLASS_"))
}

// asProblem turns an error of a step into a problem of the record, or into a *stop when the run cannot go on.
func asProblem(err error) (*problem, error) {
	var failure *host.Failure
	var expr *pipelines.EvalError
	var script *transforms.Error
	var gone *away
	switch {
	case errors.As(err, &gone):
		return nil, &stop{err}
	case errors.As(err, &failure):
		switch failure.Class {
		case protocol.FailureClass_FAILURE_CLASS_AUTH, protocol.FailureClass_FAILURE_CLASS_FATAL:
			return nil, &stop{err}
		}
		return fromFailure(failure), nil
	case errors.As(err, &expr):
		return &problem{code: expr.Code, class: "invalid", message: expr.Error()}, nil
	case errors.As(err, &script):
		return &problem{code: script.Code, class: "invalid", message: script.Error()}, nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, &stop{err}
	}
	return nil, &stop{err}
}

func fromFailure(f *host.Failure) *problem {
	message := f.Error()
	if f.Field != "" {
		message = f.Field + ": " + message
	}
	return &problem{code: f.Code, class: className(f.Class), message: message, exchanges: f.Exchanges}
}

func invalid(code, format string, args ...any) *host.Failure {
	return &host.Failure{
		Class: protocol.FailureClass_FAILURE_CLASS_INVALID, Code: code, Message: fmt.Sprintf(format, args...),
	}
}

func isClass(err error, class protocol.FailureClass) bool {
	var failure *host.Failure
	return errors.As(err, &failure) && failure.Class == class
}

// retryAfter is the pause a system asked for, 0 when it asked for none.
func retryAfter(err error) time.Duration {
	var failure *host.Failure
	if errors.As(err, &failure) {
		return failure.RetryAfter
	}
	return 0
}
