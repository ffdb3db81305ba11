package state

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"
)

// Held is a letter: a dead letter or a parked record, with what is needed to understand it and to play it again.
type Held struct {
	ID         int64
	Pipeline   string
	Run        string // the last one that tried it
	Entity     string
	Key        string
	RecordID   string
	Status     string    // dead, parked; closed: released, superseded, discarded
	Since      time.Time // when it became dead, or began to wait for this
	Step       string
	Code       string
	Class      string
	Message    string
	WaitsFor   string // for people
	WaitTarget string // "vismanet.books/item" and what would find it there; "" where the target can't be asked
	WaitMatch  string
	Operation  string    // upsert, delete
	OccurredAt time.Time // zero = unknown
	Original   []byte    // the record as it was read
	Current    []byte    // as it was at the failing step
	Exchanges  []byte    // what was sent and answered, JSON
	Meta       []byte    // JSON object
	Version    string    // of the definition
	Attempts   int
	Edited     []byte    // what is replayed in place of the record as it was read, or as it was at EditedStep
	EditedStep string    // "" = as it was read
	QueuedAt   time.Time // when a replay was asked for that the next run carries out, zero = none is
	FromStep   string    // of that replay, "" = from the start
	Reason     string    // why it was discarded
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Statuses of letters.
const (
	HeldDead       = "dead"
	HeldParked     = "parked"
	HeldReleased   = "released"   // came through at last
	HeldSuperseded = "superseded" // a newer state of the record came
	HeldDiscarded  = "discarded"  // closed by a person
)

// Discarded stands in the activity where a person closed a letter. No record has it for an outcome.
const Discarded Outcome = "discarded"

// Open tells whether somebody or something has still to happen to it.
func (h Held) Open() bool { return h.Status == HeldDead || h.Status == HeldParked }

// documents and texts are what a letter tells of its record, and what is sealed of it.
func (h *Held) documents() []*[]byte {
	return []*[]byte{&h.Original, &h.Current, &h.Exchanges, &h.Meta, &h.Edited}
}

func (h *Held) texts() []*string { return []*string{&h.Message, &h.WaitsFor, &h.Reason} }

// HeldRef names a letter.
type HeldRef struct {
	ID       int64
	Pipeline string
	Key      string
	Status   string
}

// Resolution closes letters: the open one with an ID, or all open ones of a Key.
type Resolution struct {
	ID     int64
	Key    string
	Status string
}

// AnyStatus in a HeldFilter selects closed letters too.
const AnyStatus = "any"

// HeldFilter selects letters; zero fields do not narrow. Without a Status, open ones are meant, unless IDs are given.
type HeldFilter struct {
	Pipeline, Status, Key, Code, Step string
	IDs                               []int64 // some hundreds at most
	Before                            int64   // id, for paging
	Limit                             int     // 0 = 100
}

const openHeld = "status IN ('dead', 'parked')"

func (f HeldFilter) conditions() conditions {
	c := conditions{}.and("pipeline", f.Pipeline).and("key", f.Key).and("code", f.Code).and("step", f.Step)
	switch {
	case f.Status == "" && len(f.IDs) == 0:
		c = c.raw(openHeld)
	case f.Status != AnyStatus:
		c = c.and("status", f.Status)
	}
	if f.Before > 0 {
		c = c.raw("id < ?", f.Before)
	}
	if len(f.IDs) > 0 {
		c = c.raw("id IN ("+marks(len(f.IDs))+")", anys(f.IDs)...)
	}
	return c
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// Held returns letters, newest first.
func (s *Store) Held(ctx context.Context, f HeldFilter) ([]Held, error) {
	where, args := f.conditions().text()
	var out []Held
	err := s.query(ctx, "SELECT id, "+heldColumns+" FROM held"+where+" ORDER BY id DESC LIMIT ?", append(args, limitOr(f.Limit)),
		func(rows *sql.Rows) error {
			h, err := s.scanHeld(rows)
			out = append(out, h)
			return err
		})
	return out, err
}

// HeldRefs names all letters that a filter selects, oldest first; Limit does not count.
func (s *Store) HeldRefs(ctx context.Context, f HeldFilter) ([]HeldRef, error) {
	where, args := f.conditions().text()
	var out []HeldRef
	err := s.query(ctx, "SELECT id, pipeline, key, status FROM held"+where+" ORDER BY id", args, func(rows *sql.Rows) error {
		r, err := scanRef(rows)
		out = append(out, r)
		return err
	})
	return out, err
}

// HeldKeys names the open letters of the given keys, oldest first.
func (s *Store) HeldKeys(ctx context.Context, pipeline string, keys []string) (map[string][]HeldRef, error) {
	out := map[string][]HeldRef{}
	err := s.each(ctx, "SELECT id, pipeline, key, status FROM held WHERE pipeline = ? AND "+openHeld+" AND key IN",
		[]any{pipeline}, keys, "ORDER BY id", func(rows *sql.Rows) error {
			r, err := scanRef(rows)
			out[r.Key] = append(out[r.Key], r)
			return err
		})
	return out, err
}

func scanRef(rows *sql.Rows) (HeldRef, error) {
	var r HeldRef
	err := rows.Scan(&r.ID, &r.Pipeline, &r.Key, &r.Status)
	return r, err
}

// HeldCount is how many open letters a pipeline has in a status.
type HeldCount struct {
	Pipeline, Status string
	Letters          int64
}

// HeldCounts counts the open letters.
func (s *Store) HeldCounts(ctx context.Context) ([]HeldCount, error) {
	var out []HeldCount
	err := s.query(ctx, "SELECT pipeline, status, COUNT(*) FROM held WHERE "+openHeld+" GROUP BY pipeline, status", nil,
		func(rows *sql.Rows) error {
			var c HeldCount
			err := rows.Scan(&c.Pipeline, &c.Status, &c.Letters)
			out = append(out, c)
			return err
		})
	return out, err
}

// DeadCount counts the open letters that need a person, up to most: every page shows it, and there may be many.
func (s *Store) DeadCount(ctx context.Context, most int) (n int64, err error) {
	err = s.read.QueryRowContext(ctx, s.rebind("SELECT COUNT(*) FROM (SELECT 1 FROM held WHERE status = ? LIMIT ?) AS dead"), HeldDead, most).Scan(&n)
	return n, err
}

// HeldGroup is how many letters have the same trouble, with the newest of them.
type HeldGroup struct {
	Pipeline, Status, Step, Code string
	Letters                      int64
	Oldest                       time.Time
	Example                      Held
}

// HeldGroups counts letters per pipeline, step and code, the largest group first.
func (s *Store) HeldGroups(ctx context.Context, f HeldFilter) ([]HeldGroup, error) {
	where, args := f.conditions().text()
	var out []HeldGroup
	err := s.query(ctx, "SELECT pipeline, status, step, code, COUNT(*), MIN(since), MAX(id) FROM held"+where+
		" GROUP BY pipeline, status, step, code ORDER BY COUNT(*) DESC, MAX(id) DESC LIMIT ?", append(args, limitOr(f.Limit)),
		func(rows *sql.Rows) error {
			var g HeldGroup
			var oldest int64
			err := rows.Scan(&g.Pipeline, &g.Status, &g.Step, &g.Code, &g.Letters, &oldest, &g.Example.ID)
			g.Oldest = moment(oldest)
			out = append(out, g)
			return err
		})
	if err != nil {
		return nil, err
	}
	for i := range out {
		example, err := s.Held(ctx, HeldFilter{IDs: []int64{out[i].Example.ID}})
		if err != nil {
			return nil, err
		}
		if len(example) > 0 {
			out[i].Example = example[0]
		}
	}
	return out, nil
}

// Waiting is a parked letter, or one whose replay was asked for, as a run sees it before it decides what to try again.
type Waiting struct {
	HeldRef
	Run        string
	Code       string
	Version    string
	WaitTarget string
	WaitMatch  string
	Since      time.Time
	Queued     bool
}

// Waiting returns letters that come back by themselves, oldest first; after is an id, for paging.
func (s *Store) Waiting(ctx context.Context, pipeline string, after int64, limit int) ([]Waiting, error) {
	var out []Waiting
	err := s.query(ctx, "SELECT id, pipeline, key, status, run, code, version, wait_target, wait_match, since, queued_at FROM held "+
		"WHERE pipeline = ? AND id > ? AND (status = 'parked' OR queued_at > 0) ORDER BY id LIMIT ?",
		[]any{pipeline, after, limitOr(limit)}, func(rows *sql.Rows) error {
			var w Waiting
			var since, queued int64
			err := rows.Scan(&w.ID, &w.Pipeline, &w.Key, &w.Status, &w.Run, &w.Code, &w.Version, &w.WaitTarget, &w.WaitMatch,
				&since, &queued)
			w.Since, w.Queued = moment(since), queued > 0
			err = errors.Join(err, s.seal.openAll(nil, []*string{&w.WaitMatch}))
			out = append(out, w)
			return err
		})
	return out, err
}

// Wait is a thing that parked letters wait for.
type Wait struct{ Target, Match string }

// Waits names each thing once that parked letters of a pipeline wait for, those that waited longest first.
func (s *Store) Waits(ctx context.Context, pipeline, version string) ([]Wait, error) {
	var out []Wait
	err := s.query(ctx, "SELECT wait_target, wait_match FROM held WHERE pipeline = ? AND status = 'parked' AND version = ? "+
		"AND wait_target <> '' GROUP BY wait_target, wait_match ORDER BY MIN(id)", []any{pipeline, version},
		func(rows *sql.Rows) error {
			var w Wait
			err := errors.Join(rows.Scan(&w.Target, &w.Match), s.seal.openAll(nil, []*string{&w.Match}))
			out = append(out, w)
			return err
		})
	return out, err
}

// EditHeld keeps what is to be replayed in place of a letter's record as it was at a step, "" = as it was read.
func (s *Store) EditHeld(ctx context.Context, id int64, record []byte, step string) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.rebind("UPDATE held SET edited = ?, edited_step = ?, updated_at = ? WHERE id = ?"),
			s.seal.bytes(record), step, time.Now().UnixMilli(), id)
		return err
	})
}

// QueueHeld makes the next run of their pipeline try open letters again, from a step or from the start.
func (s *Store) QueueHeld(ctx context.Context, ids []int64, from string) error {
	return s.changeHeld(ctx, "queued_at = ?, from_step = ?", []any{time.Now().UnixMilli(), from}, ids)
}

// changeHeld sets columns of open letters.
func (s *Store) changeHeld(ctx context.Context, set string, values []any, ids []int64) error {
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for part := range slices.Chunk(ids, 500) {
			query := "UPDATE held SET " + set + " WHERE " + openHeld + " AND id IN (" + marks(len(part)) + ")"
			if _, err := tx.ExecContext(ctx, s.rebind(query), append(slices.Clone(values), anys(part)...)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Discard closes open letters for good. The reason stays with them, and the activity tells of each.
func (s *Store) Discard(ctx context.Context, ids []int64, reason string) error {
	reason = s.seal.text(reason)
	return s.commit(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for part := range slices.Chunk(ids, 500) {
			now, in := time.Now().UnixMilli(), " WHERE "+openHeld+" AND id IN ("+marks(len(part))+")"
			_, err := tx.ExecContext(ctx, s.rebind("INSERT INTO activity (at, run, pipeline, entity, key, record_id, outcome, code, "+
				"reason, detail, took_us) SELECT CAST(? AS BIGINT), '', pipeline, entity, key, record_id, 'discarded', code, "+
				"CAST(? AS TEXT), NULL, 0 FROM held"+in), append([]any{now, reason}, anys(part)...)...)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, s.rebind("UPDATE held SET status = 'discarded', reason = ?, since = ?, updated_at = ?, queued_at = 0"+in),
				append([]any{reason, now, now}, anys(part)...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// settleCame makes parked letters come back whose thing was created, and asks for a run of their pipelines.
func (s *Store) settleCame(ctx context.Context, tx *sql.Tx, st Settlement) error {
	byTarget := map[string][]any{}
	for _, c := range st.Came {
		byTarget[c.Target] = append(byTarget[c.Target], c.Match)
	}
	pipelines := map[string]bool{}
	for target, matches := range byTarget {
		for part := range slices.Chunk(matches, 500) {
			query := s.rebind("UPDATE held SET queued_at = ?, from_step = '' WHERE status = 'parked' AND queued_at = 0 " +
				"AND wait_target = ? AND wait_match IN (" + marks(len(part)) + ") RETURNING pipeline")
			args := append([]any{time.Now().UnixMilli(), target}, part...)
			err := scanAll(ctx, tx, query, args, func(rows *sql.Rows) error {
				var pipeline string
				err := rows.Scan(&pipeline)
				pipelines[pipeline] = true
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, pipeline := range slices.Sorted(maps.Keys(pipelines)) {
		if _, err := tx.ExecContext(ctx, s.rebind(await), pipeline); err != nil {
			return err
		}
	}
	return nil
}

// settleHeld closes and keeps letters. One that a person closed meanwhile stays closed.
func (s *Store) settleHeld(ctx context.Context, tx *sql.Tx, st Settlement) error {
	now := time.Now().UnixMilli()
	for _, r := range st.Release {
		query := "UPDATE held SET status = ?, since = ?, updated_at = ?, queued_at = 0 WHERE " + openHeld
		args := []any{r.Status, now, now}
		if r.ID != 0 {
			query, args = query+" AND id = ?", append(args, r.ID)
		} else {
			query, args = query+" AND pipeline = ? AND key = ?", append(args, st.Pipeline, r.Key)
		}
		if _, err := tx.ExecContext(ctx, s.rebind(query), args...); err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(st.Hold))
	for _, h := range st.Hold {
		if h.ID != 0 {
			if err := s.holdAgain(ctx, tx, h); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []any{
			h.Pipeline, h.Run, h.Entity, h.Key, h.RecordID, h.Status, millis(h.Since), h.Step, h.Code, h.Class, h.Message,
			h.WaitsFor, h.WaitTarget, h.WaitMatch, h.Operation, millis(h.OccurredAt), h.Original, h.Current, h.Exchanges, h.Meta,
			h.Version, h.Attempts, h.Edited, h.EditedStep, millis(h.QueuedAt), h.FromStep, h.Reason,
			millis(h.CreatedAt), millis(h.UpdatedAt),
		})
	}
	return s.insert(ctx, tx, "INSERT INTO held ("+heldColumns+")", 29, "", rows)
}

// holdAgain notes that a letter was tried again and did not come through.
func (s *Store) holdAgain(ctx context.Context, tx *sql.Tx, h Held) error {
	_, err := tx.ExecContext(ctx, s.rebind("UPDATE held SET run = ?, record_id = ?, status = ?, since = ?, step = ?, code = ?, class = ?, "+
		"message = ?, waits_for = ?, wait_target = ?, wait_match = ?, current = ?, exchanges = ?, version = ?, attempts = ?, "+
		"queued_at = 0, from_step = '', updated_at = ? WHERE "+openHeld+" AND id = ?"),
		h.Run, h.RecordID, h.Status, millis(h.Since), h.Step, h.Code, h.Class, h.Message, h.WaitsFor, h.WaitTarget, h.WaitMatch,
		h.Current, h.Exchanges, h.Version, h.Attempts, millis(h.UpdatedAt), h.ID)
	return err
}

const heldColumns = "pipeline, run, entity, key, record_id, status, since, step, code, class, message, waits_for, wait_target, " +
	"wait_match, operation, occurred_at, original, current, exchanges, meta, version, attempts, edited, edited_step, queued_at, " +
	"from_step, reason, created_at, updated_at"

func (s *Store) scanHeld(rows *sql.Rows) (Held, error) {
	var h Held
	var since, occurred, queued, created, updated int64
	err := rows.Scan(&h.ID, &h.Pipeline, &h.Run, &h.Entity, &h.Key, &h.RecordID, &h.Status, &since, &h.Step, &h.Code, &h.Class,
		&h.Message, &h.WaitsFor, &h.WaitTarget, &h.WaitMatch, &h.Operation, &occurred, &h.Original, &h.Current, &h.Exchanges,
		&h.Meta, &h.Version, &h.Attempts, &h.Edited, &h.EditedStep, &queued, &h.FromStep, &h.Reason, &created, &updated)
	h.Since, h.OccurredAt, h.QueuedAt = moment(since), moment(occurred), moment(queued)
	h.CreatedAt, h.UpdatedAt = moment(created), moment(updated)
	return h, errors.Join(err, s.seal.openAll(h.documents(), append(h.texts(), &h.WaitMatch)))
}
