package state

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// Alert is something that is wrong, and that somebody is to be told of. Alert, Condition and Subject identify it.
type Alert struct {
	Alert     string // name of the block
	Condition string // dead_letters, lag, silence, connection_down, rate_limited, reconcile
	Subject   string // a pipeline, a connection …
	Since     time.Time
	Seen      time.Time // when it was still so
	Told      time.Time // zero = nobody was told yet
	What, Why string
	Remedy    string
	Path      string // of the dashboard's page
}

// PutAlerts keeps what is wrong, in place of what was known of it.
func (s *Store) PutAlerts(ctx context.Context, list []Alert) error {
	rows := make([][]any, len(list))
	for i := range list {
		a := &list[i]
		rows[i] = []any{
			a.Alert, a.Condition, a.Subject, a.Since.UnixMilli(), a.Seen.UnixMilli(), millis(a.Told), a.What, a.Why, a.Remedy, a.Path,
		}
	}
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.insert(ctx, tx, "INSERT INTO alerts (alert, condition, subject, since, seen, told, what, why, remedy, path)", 10,
			"ON CONFLICT (alert, condition, subject) DO UPDATE SET since = excluded.since, seen = excluded.seen, told = excluded.told, "+
				"what = excluded.what, why = excluded.why, remedy = excluded.remedy, path = excluded.path", rows)
	})
}

// EndAlerts forgets what is well again.
func (s *Store) EndAlerts(ctx context.Context, list []Alert) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range list {
			_, err := tx.ExecContext(ctx, s.rebind("DELETE FROM alerts WHERE alert = ? AND condition = ? AND subject = ?"),
				list[i].Alert, list[i].Condition, list[i].Subject)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Alerts lists what is wrong, the oldest first.
func (s *Store) Alerts(ctx context.Context) ([]Alert, error) {
	var out []Alert
	err := s.query(ctx, "SELECT alert, condition, subject, since, seen, told, what, why, remedy, path FROM alerts "+
		"ORDER BY since, alert, condition, subject", nil, func(rows *sql.Rows) error {
		var a Alert
		var since, seen, told int64
		err := rows.Scan(&a.Alert, &a.Condition, &a.Subject, &since, &seen, &told, &a.What, &a.Why, &a.Remedy, &a.Path)
		a.Since, a.Seen, a.Told = time.UnixMilli(since), time.UnixMilli(seen), moment(told)
		out = append(out, a)
		return err
	})
	return out, err
}

// TakeDuty makes a node do something for all, for as long as a lease unless it asks again. It is false while another
// node that lives does it.
func (s *Store) TakeDuty(ctx context.Context, name, node string) (mine bool, err error) {
	err = s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		// The row is made first, so that two nodes can't both find none.
		err = s.insert(ctx, tx, "INSERT INTO duties (name, node, until)", 3, "ON CONFLICT (name) DO UPDATE SET name = excluded.name",
			[][]any{{name, node, 0}})
		if err != nil {
			return err
		}
		var holder string
		var until int64
		if err := tx.QueryRowContext(ctx, s.rebind("SELECT node, until FROM duties WHERE name = ?"), name).Scan(&holder, &until); err != nil {
			return err
		}
		mine = holder == node || until < now.UnixMilli() || gone(holder)
		if !mine {
			return nil
		}
		_, err = tx.ExecContext(ctx, s.rebind("UPDATE duties SET node = ?, until = ? WHERE name = ?"), node, now.Add(dutyTime).UnixMilli(), name)
		return err
	})
	return mine, err
}

// dutyTime is how long a node may be silent before another one takes its duty.
const dutyTime = time.Minute

// Trouble is a connection that fails whoever uses it.
type Trouble struct {
	Connection string
	Since      time.Time
	Reason     string
}

// PutTroubles says which connections fail on a node, and that others no longer do.
func (s *Store) PutTroubles(ctx context.Context, node string, list []Trouble) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		now, err := s.now(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.rebind("DELETE FROM troubles WHERE node = ? OR at < ?"), node, now.Add(-dutyTime).UnixMilli())
		if err != nil || len(list) == 0 {
			return err
		}
		rows := make([][]any, len(list))
		for i, t := range list {
			rows[i] = []any{t.Connection, node, t.Since.UnixMilli(), now.UnixMilli(), s.seal.text(t.Reason)}
		}
		return s.insert(ctx, tx, "INSERT INTO troubles (connection, node, since, at, reason)", 5, "", rows)
	})
}

// Troubles lists the connections that fail on any node, each once, with the longest time.
func (s *Store) Troubles(ctx context.Context) ([]Trouble, error) {
	now, err := s.now(ctx, s.read)
	if err != nil {
		return nil, err
	}
	var out []Trouble
	err = s.query(ctx, "SELECT connection, since, reason FROM troubles WHERE at >= ? ORDER BY connection, since",
		[]any{now.Add(-dutyTime).UnixMilli()}, func(rows *sql.Rows) error {
			var t Trouble
			var since int64
			err := rows.Scan(&t.Connection, &since, &t.Reason)
			if err == nil {
				t.Reason, err = s.seal.openText(t.Reason)
			}
			t.Since = time.UnixMilli(since)
			if n := len(out); n == 0 || out[n-1].Connection != t.Connection {
				out = append(out, t)
			}
			return err
		})
	return out, err
}

// Tested is how a live test of a connection came out.
type Tested struct {
	Connection string
	At         time.Time
	Answer     []byte
}

// PutTested keeps how a test came out, in place of an earlier one.
func (s *Store) PutTested(ctx context.Context, t Tested) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.insert(ctx, tx, "INSERT INTO tests (connection, at, answer)", 3,
			"ON CONFLICT (connection) DO UPDATE SET at = excluded.at, answer = excluded.answer WHERE tests.at <= excluded.at",
			[][]any{{t.Connection, t.At.UnixMilli(), s.seal.text(string(t.Answer))}})
	})
}

// Tests lists how the last tests of connections came out.
func (s *Store) Tests(ctx context.Context) (map[string]Tested, error) {
	out := map[string]Tested{}
	err := s.query(ctx, "SELECT connection, at, answer FROM tests", nil, func(rows *sql.Rows) error {
		var t Tested
		var at int64
		var answer string
		err := rows.Scan(&t.Connection, &at, &answer)
		if err == nil {
			answer, err = s.seal.openText(answer)
		}
		t.At, t.Answer = time.UnixMilli(at), []byte(answer)
		out[t.Connection] = t
		return err
	})
	return out, err
}

// Reconciled is how the comparison of a day came out.
type Reconciled struct {
	Name        string    `json:"name"`
	Day         string    `json:"day"`
	At          time.Time `json:"at"`
	Differences int       `json:"differences"`
	Off         []Off     `json:"off" nullable:"false" doc:"by how much the worst of them is, in each currency"`
}

// Off is by how much an amount is off.
type Off struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty" doc:"where it is known"`
}

// String writes 12.50 EUR.
func (o Off) String() string { return strings.TrimSpace(o.Amount + " " + o.Currency) }

// PutReconciled keeps how a day's comparison came out, in place of an earlier one.
func (s *Store) PutReconciled(ctx context.Context, r Reconciled) error {
	off := make([]string, len(r.Off))
	for i, o := range r.Off {
		off[i] = o.String()
	}
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return s.insert(ctx, tx, "INSERT INTO reconciled (name, day, at, differences, off)", 5,
			"ON CONFLICT (name, day) DO UPDATE SET at = excluded.at, differences = excluded.differences, off = excluded.off",
			[][]any{{r.Name, r.Day, r.At.UnixMilli(), r.Differences, strings.Join(off, "\n")}})
	})
}

// Reconciled lists how comparisons came out of days from one on, the newest day first.
func (s *Store) Reconciled(ctx context.Context, since string) ([]Reconciled, error) {
	out := []Reconciled{}
	err := s.query(ctx, "SELECT name, day, at, differences, off FROM reconciled WHERE day >= ? ORDER BY day DESC, name", []any{since},
		func(rows *sql.Rows) error {
			r := Reconciled{Off: []Off{}}
			var at int64
			var off string
			err := rows.Scan(&r.Name, &r.Day, &at, &r.Differences, &off)
			r.At = time.UnixMilli(at)
			for line := range strings.Lines(off) {
				amount, currency, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				r.Off = append(r.Off, Off{amount, currency})
			}
			out = append(out, r)
			return err
		})
	return out, err
}

// InStep is when the last run of a pipeline began that came to the end of its source, zero when none has.
func (s *Store) InStep(ctx context.Context, pipeline string) (time.Time, error) {
	var at int64
	err := s.query(ctx, "SELECT started_at FROM runs WHERE pipeline = ? AND kind = 'run' AND status IN ('succeeded', 'partial') "+
		"ORDER BY started_at DESC LIMIT 1", []any{pipeline}, func(rows *sql.Rows) error { return rows.Scan(&at) })
	return moment(at), err
}

// Began is when the first run of a pipeline began that is still known, zero when there is none.
func (s *Store) Began(ctx context.Context, pipeline string) (time.Time, error) {
	var at int64
	err := s.query(ctx, "SELECT COALESCE(MIN(started_at), 0) FROM runs WHERE pipeline = ?", []any{pipeline},
		func(rows *sql.Rows) error { return rows.Scan(&at) })
	return moment(at), err
}

// LastRecord is when a pipeline had a record last, zero when it never had one. Where not every record has an entry in
// the activity it may be up to an hour earlier than that says.
func (s *Store) LastRecord(ctx context.Context, pipeline string) (time.Time, error) {
	var last, hour int64
	err := s.query(ctx, "SELECT COALESCE(MAX(hour), 0) FROM hourly WHERE pipeline = ? AND records > 0", []any{pipeline},
		func(rows *sql.Rows) error { return rows.Scan(&hour) })
	for _, outcome := range []Outcome{Delivered, Unchanged, Filtered, Parked, Dead} {
		err = errors.Join(err, s.query(ctx, "SELECT at FROM activity WHERE pipeline = ? AND outcome = ? ORDER BY id DESC LIMIT 1",
			[]any{pipeline, string(outcome)}, func(rows *sql.Rows) error {
				var at int64
				err := rows.Scan(&at)
				last = max(last, at)
				return err
			}))
	}
	return moment(max(last, hour)), err
}
