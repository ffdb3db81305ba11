package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// Transient says that nothing was stored and that the same call may succeed later.
func Transient(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_TRANSIENT, code, format, args)
}

// RateLimited says that the system wants a pause; after is how long, 0 when it does not say.
func RateLimited(after time.Duration, code, format string, args ...any) *Failure {
	f := failure(protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED, code, format, args)
	f.RetryAfter = after
	return f
}

// Auth says that credentials or rights are missing.
func Auth(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_AUTH, code, format, args)
}

// Invalid says that this record will never be accepted as it is.
func Invalid(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_INVALID, code, format, args)
}

// Conflict says that somebody else changed the record since it was read.
func Conflict(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_CONFLICT, code, format, args)
}

// NotFound says that the id, or a thing referred to, does not exist.
func NotFound(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_NOT_FOUND, code, format, args)
}

// Ambiguous says that the write may or may not have been stored: the answer never came.
func Ambiguous(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, code, format, args)
}

// Fatal stops the pipeline.
func Fatal(code, format string, args ...any) *Failure {
	return failure(protocol.FailureClass_FAILURE_CLASS_FATAL, code, format, args)
}

func failure(class protocol.FailureClass, code, format string, args []any) *Failure {
	return &Failure{Class: class, Code: code, Message: fmt.Sprintf(format, args...)}
}

// At names the field at fault.
func (f *Failure) At(field string) *Failure { f.Field = field; return f }

// Remote adds what the remote system answered, in its own words.
func (f *Failure) Remote(status int, words string) *Failure {
	f.RemoteStatus, f.RemoteMessage = status, words
	return f
}

// IsClass tells whether err is a Failure of the class.
func IsClass(err error, class protocol.FailureClass) bool {
	var f *Failure
	return errors.As(err, &f) && f.Class == class
}

// asFailure gives any error a class; unknown is that of errors which say nothing about themselves.
func asFailure(err error, unknown protocol.FailureClass) *Failure {
	var f *Failure
	switch {
	case errors.As(err, &f):
		if f.Class == protocol.FailureClass_FAILURE_CLASS_UNSPECIFIED {
			typed := *f
			typed.Class = unknown
			return &typed
		}
		return f
	case errors.Is(err, context.Canceled):
		return &Failure{Class: unknown, Code: "connector.cancelled", Message: "the call was cancelled"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Class: unknown, Code: "connector.timeout", Message: "the call took too long"}
	}
	return &Failure{Class: unknown, Code: "connector.error", Message: withoutQuery(err)}
}

// withoutQuery is an error's text without the query and the user of the URL in it: credentials may ride there.
func withoutQuery(err error) string {
	text := err.Error()
	var at *url.Error
	if !errors.As(err, &at) {
		return text
	}
	short := "the address"
	if u, parseErr := url.Parse(at.URL); parseErr == nil {
		short = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	return strings.ReplaceAll(text, at.URL, short)
}

func (f *Failure) proto() *protocol.Failure {
	return &protocol.Failure{
		Class:         f.Class,
		Code:          valid(f.Code),
		Message:       valid(f.Message),
		Field:         valid(f.Field),
		RetryAfterMs:  f.RetryAfter.Milliseconds(),
		RemoteStatus:  int32(f.RemoteStatus),
		RemoteMessage: valid(f.RemoteMessage),
	}
}

// Brief is text for a message, of at most so many bytes; what is longer ends in "…". What is no UTF-8 is replaced.
func Brief(text string, most int) string {
	if len(text) <= most {
		return valid(text)
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return valid(text[:most]) + "…"
}

// valid makes text fit for the protocol, whose strings are UTF-8; a remote system's need not be.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
