package sql

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// reason is why a server refused something.
type reason int

const (
	faulty       reason = iota // the statement makes no sense there
	duplicate                  // a row with a value that may stand once
	unacceptable               // this row is never taken as it is
	passing                    // it could not be done now; later it may go
	undone                     // the same, and the server took the transaction back
	forbidden                  // credentials or rights
	changed                    // a table or a column is not there (any more)
)

// refusal is a server's own answer.
type refusal struct {
	reason reason
	words  string
	code   string // "SQLSTATE 23505"
	number int
	field  string
}

// reasonOf goes by SQLSTATE's class.
func reasonOf(state string) reason {
	switch class := state[:min(len(state), 2)]; class {
	case "22", "23", "44":
		return unacceptable
	case "40":
		return undone
	case "08", "53", "58":
		return passing
	case "28":
		return forbidden
	}
	return faulty
}

// failure gives an error its class, where nothing can have been stored: at any time but at a commit.
func (c *connection) failure(err error) error {
	var known *sdk.Failure
	if errors.As(err, &known) {
		return known
	}
	r, refused := c.dialect.judge(err)
	if !refused {
		return c.unreached(err)
	}
	words := c.hide(r.words)
	var f *sdk.Failure
	switch r.reason {
	case duplicate:
		f = sdk.Invalid("sql.duplicate", "the database has a row with these values already (%s)", r.code)
	case unacceptable:
		f = sdk.Invalid("sql.refused", "the database does not accept the values (%s)", r.code)
	case passing, undone:
		f = sdk.Transient("sql.busy", "the database could not do it now (%s)", r.code)
	case forbidden:
		f = sdk.Auth("sql.forbidden", "the database does not let the user do it (%s); correct `user` and `password`, or give it the right", r.code)
	case changed:
		c.forget()
		f = sdk.Fatal("sql.changed", "a table or a column is not there (%s)", r.code)
	default:
		f = sdk.Fatal("sql.statement", "the database can't do it (%s)", r.code)
	}
	return f.At(r.field).Remote(r.number, words)
}

// unreached is an error that no server gave.
func (c *connection) unreached(err error) error {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &certificate):
		return sdk.Auth("sql.certificate", "the server's certificate can't be trusted; name the one that issued it in `ca`: %s", c.hide(err.Error())).At("ca")
	}
	return sdk.Transient("sql.unreached", "the database can't be reached: %s", c.hide(err.Error()))
}

// hide takes the password out of a text, and what follows the first line: drivers add advice there.
func (c *connection) hide(text string) string {
	return c.hider.Hide(strings.TrimSpace(text))
}
