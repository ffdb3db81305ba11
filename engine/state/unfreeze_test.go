package state_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// TestUnfreeze: a node that stands still in the middle of a transaction loses its locks, and what it began is undone.
func TestUnfreeze(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.Start(t).Database(t)
	connect := func(more string) *pgx.Conn {
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if more != "" {
			config.RuntimeParams["idle_in_transaction_session_timeout"] = more
		}
		state.Unfreeze(config)
		c, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		return c
	}
	var limit string
	if err := connect("").QueryRow(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&limit); err != nil || limit != "10s" {
		t.Fatalf("%q, %v", limit, err)
	}

	frozen, other := connect("100ms"), connect("")
	for _, statement := range []string{"CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)", "BEGIN", "UPDATE t SET n = 2"} {
		if _, err := frozen.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var n int
	if err := other.QueryRow(ctx, "UPDATE t SET n = n + 10 RETURNING n").Scan(&n); err != nil || n != 11 {
		t.Errorf("%d, %v", n, err)
	}
	if err := frozen.Ping(ctx); err == nil {
		t.Error("the frozen one goes on where it was")
	}
}
