package state

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
)

// ActivityFilter selects activity; zero fields do not narrow.
type ActivityFilter struct {
	Pipeline string
	Outcome  Outcome
	Key      string
	Code     string
	Search   string // a key, or what else a record can be found by
	Run      string
	From, To time.Time
	Before   int64 // id, for paging
	After    int64 // id: only what is newer
	Limit    int   // 0 = 100
}

// outcomes are all that stand in the activity.
var outcomes = []Outcome{Delivered, Unchanged, Filtered, Parked, Dead, Discarded}

// inFlight is how long a record may have been under way before it was settled. Entries are numbered in the order in
// which they were settled, so their times are in order but for that.
const inFlight = time.Hour

// ActivityPage returns activity, newest first; Before pages on. Whatever is asked for, an index answers it.
func (s *Store) ActivityPage(ctx context.Context, f ActivityFilter) ([]Entry, error) {
	c := conditions{}
	var err error
	if f.Run != "" {
		if known, err := s.within(ctx, &f); err != nil || !known {
			return nil, err
		}
	}
	if f.Code == string(Filtered) && f.Outcome == "" {
		f.Outcome = Filtered // whose code it is
	}
	if !f.From.IsZero() {
		if f.After, err = s.entryBefore(ctx, f.From.Add(-inFlight), f.After); err != nil {
			return nil, err
		}
		c = c.raw("at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		last, err := s.entryBefore(ctx, f.To.Add(inFlight), 0)
		if err != nil {
			return nil, err
		}
		if f.Before == 0 || last+1 < f.Before {
			f.Before = last + 1
		}
		c = c.raw("at < ?", f.To.UnixMilli())
	}
	if f.Before > 0 {
		c = c.raw("id < ?", f.Before)
	}
	if f.After > 0 {
		c = c.raw("id > ?", f.After)
	}
	c = c.and("key", f.Key).and("run", f.Run)
	if f.Code != "" {
		c = c.raw("code = ?", f.Code)
		if f.Code != string(Filtered) {
			c = c.raw("code <> '' AND code <> 'filtered'") // which the index is limited to
		}
	}
	if f.Search != "" {
		keys, err := s.found(ctx, f.Search)
		if err != nil {
			return nil, err
		}
		c = c.raw("key IN ("+marks(len(keys))+")", anys(keys)...)
	}
	narrow := f.Key != "" || f.Search != "" || f.Code != "" && f.Code != string(Filtered)
	if narrow || f.Pipeline != "" && f.Outcome != "" || f.Pipeline == "" && f.Outcome == "" {
		return s.entries(ctx, []conditions{c.and("pipeline", f.Pipeline).and("outcome", string(f.Outcome))}, f.Limit)
	}
	return s.ofPairs(ctx, c, f)
}

// within narrows a filter to the pipeline and the time of its run.
func (s *Store) within(ctx context.Context, f *ActivityFilter) (known bool, err error) {
	err = s.query(ctx, "SELECT pipeline, started_at, finished_at FROM runs WHERE id = ?", []any{f.Run}, func(rows *sql.Rows) error {
		var pipeline string
		var started, finished int64
		err := rows.Scan(&pipeline, &started, &finished)
		known = f.Pipeline == "" || f.Pipeline == pipeline
		f.Pipeline = pipeline
		if from := time.UnixMilli(started); f.From.Before(from) {
			f.From = from
		}
		if to := time.UnixMilli(finished + 1); finished > 0 && (f.To.IsZero() || to.Before(f.To)) {
			f.To = to
		}
		return err
	})
	return known, err
}

// ofPairs asks for each pipeline with each outcome, since that is what the index knows.
func (s *Store) ofPairs(ctx context.Context, c conditions, f ActivityFilter) ([]Entry, error) {
	names, wanted := []string{f.Pipeline}, []Outcome{f.Outcome}
	if f.Outcome == "" {
		wanted = outcomes
	} else {
		var err error
		if names, err = s.pipelineNames(ctx); err != nil || len(names) == 0 {
			return nil, err
		}
	}
	var parts []conditions
	for _, name := range names {
		for _, outcome := range wanted {
			one := conditions{slices.Clone(c.parts), slices.Clone(c.args)}
			parts = append(parts, one.and("pipeline", name).and("outcome", string(outcome)))
		}
	}
	return s.entries(ctx, parts, f.Limit)
}

const entryColumns = "id, at, run, pipeline, entity, key, record_id, outcome, code, reason, detail, took_us"

// entries returns the newest that meet one of the conditions, of which no entry meets two.
func (s *Store) entries(ctx context.Context, either []conditions, limit int) ([]Entry, error) {
	var texts []string
	var args []any
	for _, c := range either {
		where, of := c.text()
		text := "SELECT " + entryColumns + " FROM activity" + where + " ORDER BY id DESC LIMIT ?"
		if len(either) > 1 {
			text = "SELECT * FROM (" + text + ") AS part"
		}
		texts, args = append(texts, text), append(append(args, of...), limitOr(limit))
	}
	query := texts[0]
	if len(texts) > 1 {
		query = strings.Join(texts, " UNION ALL ") + " ORDER BY id DESC LIMIT ?"
		args = append(args, limitOr(limit))
	}
	var out []Entry
	err := s.query(ctx, query, args, func(rows *sql.Rows) error {
		var e Entry
		var at, took int64
		err := rows.Scan(&e.ID, &at, &e.Run, &e.Pipeline, &e.Entity, &e.Key, &e.RecordID, &e.Outcome, &e.Code, &e.Reason,
			&e.Detail, &took)
		e.At, e.Took = time.UnixMilli(at), time.Duration(took)*time.Microsecond
		out = append(out, e)
		return errors.Join(err, s.seal.openAll(nil, []*string{&out[len(out)-1].Reason}))
	})
	return out, err
}

// entryBefore is the number of an entry so that those up to it were written before a time, at least least. Entries
// come nearly in the order of their times, so some twenty looks find it among a million, without an index to keep.
func (s *Store) entryBefore(ctx context.Context, at time.Time, least int64) (int64, error) {
	var low, high int64
	err := s.query(ctx, "SELECT COALESCE((SELECT MIN(id) FROM activity), 0), COALESCE((SELECT MAX(id) FROM activity), 0)", nil,
		func(rows *sql.Rows) error { return rows.Scan(&low, &high) })
	low = max(low-1, least)
	for err == nil && low < high {
		middle := (low + high + 1) / 2
		var id, then int64
		err = s.query(ctx, "SELECT id, at FROM activity WHERE id >= ? ORDER BY id LIMIT 1", []any{middle},
			func(rows *sql.Rows) error { return rows.Scan(&id, &then) })
		if then < at.UnixMilli() {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, err
}

// found lists the keys that a search may mean.
func (s *Store) found(ctx context.Context, text string) ([]string, error) {
	keys := []string{text}
	err := s.query(ctx, "SELECT DISTINCT key FROM mentions WHERE term = ? LIMIT 500", []any{s.SearchTerm(text)}, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// pipelineNames lists the pipelines that have run.
func (s *Store) pipelineNames(ctx context.Context) ([]string, error) {
	var out []string
	err := s.query(ctx, "SELECT pipeline FROM leases ORDER BY pipeline", nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		out = append(out, name)
		return err
	})
	return out, err
}

// Hour is how many records of a pipeline had an outcome in one hour.
type Hour struct {
	Pipeline string
	Hour     time.Time
	Outcome  Outcome
	Records  int64
}

// Hours returns the roll-up since a time, oldest first; of all pipelines when none is named.
func (s *Store) Hours(ctx context.Context, pipeline string, since time.Time) ([]Hour, error) {
	where, args := conditions{}.and("pipeline", pipeline).raw("hour >= ?", since.UnixMilli()).text()
	var out []Hour
	err := s.query(ctx, "SELECT pipeline, hour, outcome, records FROM hourly"+where+" ORDER BY hour", args, func(rows *sql.Rows) error {
		var h Hour
		var at int64
		err := rows.Scan(&h.Pipeline, &at, &h.Outcome, &h.Records)
		h.Hour = time.UnixMilli(at)
		out = append(out, h)
		return err
	})
	return out, err
}

// StepCounts is what happened at a pipeline's steps since a time: by step, then by outcome of the records that ended
// there, and created, updated and same for what sinks did.
func (s *Store) StepCounts(ctx context.Context, pipeline string, since time.Time) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	err := s.query(ctx, "SELECT step, what, SUM(records) FROM steps WHERE pipeline = ? AND hour >= ? GROUP BY step, what",
		[]any{pipeline, since.UnixMilli()}, func(rows *sql.Rows) error {
			var step, what string
			var n int64
			if err := rows.Scan(&step, &what, &n); err != nil {
				return err
			}
			if out[step] == nil {
				out[step] = map[string]int64{}
			}
			out[step][what] += n
			return nil
		})
	return out, err
}

// Pulse is the state's newest change, to be compared with an earlier one.
func (s *Store) Pulse(ctx context.Context) (string, error) {
	var pulse string
	err := s.query(ctx, "SELECT CAST(COALESCE((SELECT MAX(id) FROM activity), 0) AS TEXT) || '-' || COALESCE((SELECT MAX(id) FROM runs), '') || '-' || "+
		"COALESCE((SELECT SUM(fence) || '.' || SUM(seq) || '.' || SUM(CASE run WHEN '' THEN 0 ELSE 1 END) FROM leases), '') || '-' || "+
		"(SELECT COUNT(*) || '' FROM halts) || '-' || COALESCE((SELECT MAX(id) || '' FROM audit), '')", nil,
		func(rows *sql.Rows) error { return rows.Scan(&pulse) })
	return pulse, err
}
