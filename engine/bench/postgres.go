package main

import (
	"errors"
	"fmt"

	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// startPostgres starts a server for what is measured on PostgreSQL, unless one was given or none is installed. Its
// commits are durable, as Kopru's own are.
func (b *bench) startPostgres() (stop func()) {
	stop = func() {}
	if b.postgres != "" {
		return stop
	}
	s, err := postgrestest.Launch("")
	if err != nil {
		if !errors.Is(err, postgrestest.ErrMissing) {
			fmt.Fprintln(b.out, "PostgreSQL does not start; what needs it is left out:", err)
		}
		return stop
	}
	b.postgres = s.Address()
	return func() { _ = s.End() } // nothing is lost
}
