package state_test

import (
	"testing"

	"github.com/kopru-io/kopru/engine/state"
)

func TestUnprotected(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	for dsn, want := range map[string]string{
		"state.db":                                     "",
		"postgres://k:p@localhost/kopru":               "",
		"postgres://k:p@127.0.0.1:5433/kopru":          "",
		"postgres:///kopru?host=/run/postgresql":       "",
		"postgres://k:p@db.test/kopru":                 "db.test", // "prefer" gives way
		"postgres://k:p@db.test/k?sslmode=allow":       "db.test",
		"postgres://k:p@db.test/k?sslmode=disable":     "db.test",
		"postgres://k:p@db.test/k?sslmode=require":     "",
		"postgres://k:p@db.test/k?sslmode=verify-full": "",
		"postgres://k:p@localhost,db.test/kopru":       "db.test",
	} {
		if got := state.Unprotected(dsn); got != want {
			t.Errorf("%s: %q, want %q", dsn, got, want)
		}
	}
}
