package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Node is a process that runs pipelines with this database.
type Node struct {
	Name     string // "host/pid"
	Version  string // of its program
	Since    time.Time
	Beat     time.Time // when it was heard of last
	Draining bool      // it takes no new runs
	Serves   []string  // the pipelines that it runs when they are due
	Gone     bool      // it was heard of too long ago, or its process is no more
	Runs     []string  // what it is at now: pipelines, and partitions of their backfills
}

// Host is the machine of a node.
func (n *Node) Host() string {
	host, _, _ := strings.Cut(n.Name, "/")
	return host
}

// PID is the process of a node, 0 when its name has none.
func (n *Node) PID() int {
	_, text, _ := strings.Cut(n.Name, "/")
	pid, _ := strconv.Atoi(text)
	return pid
}

// State is running, draining or gone.
func (n *Node) State() string {
	switch {
	case n.Gone:
		return "gone"
	case n.Draining:
		return "draining"
	}
	return "running"
}

// HereNode is the name of this process as a node.
func HereNode() string {
	host, _ := os.Hostname()
	return host + "/" + strconv.Itoa(os.Getpid())
}

// forgotten is how long a node that is gone is still shown.
const forgotten = 24 * time.Hour

// Beat tells that a node lives, and forgets those that have been gone for long.
func (s *Store) Beat(ctx context.Context, n Node) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		draining := 0
		if n.Draining {
			draining = 1
		}
		serves, err := json.Marshal(append([]string{}, n.Serves...))
		if err != nil {
			return err
		}
		err = s.insert(ctx, tx, "INSERT INTO nodes (name, version, since, beat, draining, serves)", 6, "ON CONFLICT (name) DO UPDATE "+
			"SET version = excluded.version, since = excluded.since, beat = excluded.beat, draining = excluded.draining, serves = excluded.serves",
			[][]any{{n.Name, n.Version, n.Since.UnixMilli(), now.UnixMilli(), draining, string(serves)}})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("DELETE FROM nodes WHERE beat < ?"), now.Add(-forgotten).UnixMilli())
		return err
	})
}

// Leave takes a node that ends off the list.
func (s *Store) Leave(ctx context.Context, name string) error {
	_, err := s.changes(ctx, "DELETE FROM nodes WHERE name = ?", name)
	return err
}

// Nodes lists the nodes, those that came first first.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	now, err := s.now(ctx, s.read)
	if err != nil {
		return nil, err
	}
	runs := map[string][]string{}
	err = s.query(ctx, `SELECT node, pipeline, 0 FROM leases WHERE run <> '' AND until > ?
		UNION ALL SELECT node, pipeline, number FROM partitions WHERE status = ? AND until > ? ORDER BY 2, 3`,
		[]any{now.UnixMilli(), PartitionRunning, now.UnixMilli()}, func(rows *sql.Rows) error {
			var node, what string
			var partition int
			err := rows.Scan(&node, &what, &partition)
			if partition > 0 {
				what = fmt.Sprintf("%s (backfill, partition %d)", what, partition)
			}
			runs[node] = append(runs[node], what)
			return err
		})
	var out []Node
	listErr := s.query(ctx, "SELECT name, version, since, beat, draining, serves FROM nodes ORDER BY since, name", nil, func(rows *sql.Rows) error {
		var n Node
		var since, beat, draining int64
		var serves string
		if err := rows.Scan(&n.Name, &n.Version, &since, &beat, &draining, &serves); err != nil {
			return err
		}
		n.Since, n.Beat, n.Draining = time.UnixMilli(since), time.UnixMilli(beat), draining > 0
		n.Gone = now.Sub(n.Beat) > s.Lease || gone(n.Name)
		n.Runs = runs[n.Name]
		err := json.Unmarshal([]byte(serves), &n.Serves)
		out = append(out, n)
		return err
	})
	return out, errors.Join(err, listErr)
}
