package dashboard_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/state/postgrestest"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// TestLoad fills the state with as many entries as KOPRU_LOAD says, and measures each page while a sync runs at full
// speed, and what that costs the sync: parts with visitors and parts without follow each other, so that what else the
// machine does meets both. make load shows it. KOPRU_LOAD_STATE=postgres measures PostgreSQL, KOPRU_LOAD_KEY=1 an
// encrypted state, and KOPRU_LOAD_DIR keeps the project and SQLite's file for another time.
func TestLoad(t *testing.T) {
	entries, _ := strconv.Atoi(os.Getenv("KOPRU_LOAD"))
	if entries == 0 {
		t.Skip("KOPRU_LOAD says with how many entries")
	}
	dir := os.Getenv("KOPRU_LOAD_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	dsn := filepath.Join(dir, "state.db")
	_, missing := os.Stat(dsn)
	if os.Getenv("KOPRU_LOAD_STATE") == "postgres" {
		dsn, missing = postgrestest.Start(t).Database(t), os.ErrNotExist
	}
	var keys []state.Key
	if os.Getenv("KOPRU_LOAD_KEY") != "" {
		keys = append(keys, state.Key{1, 2, 3}) // the same the next time
	}
	s := newShopIn(t, dir, dsn, keys...)
	s.books.swift = true
	if missing != nil {
		began := time.Now()
		fillActivity(t, s, entries)
		t.Logf("%d entries were made in %s", entries, time.Since(began).Round(time.Second))
	}

	if cursor, err := s.store.Cursor(t.Context(), "orders", "order"); err != nil {
		t.Fatal(err)
	} else if n, _ := strconv.Atoi(cursor); n > 0 { // of a state that was kept: what was read then is not there again
		s.books.feed = make([]*protocol.Record, n)
	}
	s.sync(2 * synced) // warms up
	pages := newPages(s)
	var slower, busier []float64
	for len(slower) < rounds || pages.least() < visits {
		alone, aloneBusy := s.sync(synced)
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			pages.visit(stop)
		}()
		watched, watchedBusy := s.sync(synced)
		close(stop)
		<-ended
		slower = append(slower, 100*(watched.Seconds()/alone.Seconds()-1))
		busier = append(busier, 100*(watchedBusy.Seconds()/aloneBusy.Seconds()-1))
		t.Logf("%5.0f records a second alone, %5.0f with visitors", synced/alone.Seconds(), synced/watched.Seconds())
	}
	slices.Sort(slower)
	slices.Sort(busier)
	t.Logf("the sync is slower with visitors by %+.1f %% (median of %d, from %+.1f to %+.1f); the process, which serves and asks for the pages too, "+
		"takes %+.1f %% more of the processor", slower[len(slower)/2], len(slower), slower[0], slower[len(slower)-1], busier[len(busier)/2])
	if slower[len(slower)/2] > 5 {
		t.Error("visitors slow the sync down")
	}
	for _, path := range pages.paths {
		before := processorTime(t)
		for range 5 {
			s.get(path)
		}
		busy := (processorTime(t) - before) / 5 // alone, asking included
		took := pages.took[path]
		slices.Sort(took)
		p95 := took[(len(took)*95+99)/100-1]
		t.Logf("%6d ms at the 95th percentile of %4d, %5d ms at most, %5.1f ms of the processor: %s",
			p95.Milliseconds(), len(took), took[len(took)-1].Milliseconds(), float64(busy.Microseconds())/1000, path)
		if p95 > 300*time.Millisecond {
			t.Errorf("%s is slow", path)
		}
	}
}

const (
	synced = 4000                   // records of a part
	rounds = 10                     // at least
	visits = 20                     // of each page
	pace   = 250 * time.Millisecond // between pages: a dozen operators who open one every three seconds
)

// sync brings n new records, and returns how long that took, and of it the processor's time of this process.
func (s *shop) sync(n int) (took, busy time.Duration) {
	from := len(s.books.feed)
	for i := range n {
		s.books.order(fmt.Sprint("N-", from+i), fmt.Sprintf(`"total":%d.50,"email":"n%d@example.test"`, i, from+i))
	}
	began, before := time.Now(), processorTime(s.t)
	s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
	return time.Since(began), processorTime(s.t) - before
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pages are visited one after the other, as often as can be.
type pages struct {
	s     *shop
	paths []string
	took  map[string][]time.Duration
	next  int // where the next visitor goes on
}

func newPages(s *shop) *pages {
	at := func(days int) string { return time.Now().AddDate(0, 0, -days).Format("2006-01-02T15:04") }
	return &pages{s: s, took: map[string][]time.Duration{}, paths: []string{
		"/", "/pipelines/orders", "/activity", "/activity?q=k77777", "/activity?q=m77777%40example.test", "/activity?q=nobody%40example.test",
		"/activity?outcome=dead", "/activity?outcome=delivered", "/activity?pipeline=orders", "/activity?pipeline=orders&outcome=filtered",
		"/activity?outcome=parked", "/activity?code=sink.not_found", "/activity?code=filtered", "/activity?code=no.such",
		"/activity?pipeline=orders&code=filtered", "/activity?pipeline=orders&from=" + at(30) + "&to=" + at(29), "/activity?from=" + at(60) + "&to=" + at(59),
		"/activity?run=none", "/record?pipeline=orders&key=k77777", "/failures", "/failures?pipeline=orders",
		"/failures/group?pipeline=orders&step=sale&code=sink.not_found&status=dead", "/live", "/connections", "/settings", "/nodes",
		"/api/v1/overview", "/api/v1/activity", "/metrics", "/healthz",
	}}
}

func (p *pages) visit(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(pace):
		}
		path := p.paths[p.next%len(p.paths)]
		p.next++
		began := time.Now()
		if status, body, _ := p.s.ask(http.MethodGet, path, ""); status != http.StatusOK {
			p.s.t.Errorf("%s: %d %.200s", path, status, body)
		}
		p.took[path] = append(p.took[path], time.Since(began))
	}
}

// least is how often all were visited.
func (p *pages) least() int { return p.next / len(p.paths) }

// fillActivity writes entries of ninety days, of ten pipelines, with letters, stories and what they are found by.
func fillActivity(t *testing.T, s *shop, entries int) {
	t.Helper()
	const group, days = 2000, 90
	begin := time.Now().AddDate(0, 0, -days)
	step := days * 24 * time.Hour / time.Duration(entries)
	fences := map[string]int64{}
	names := []string{"orders", "customers", "products", "stock", "quotes", "receipts", "status", "totals", "barcodes", "categories"}
	for _, name := range names {
		fence, err := s.store.StartRun(t.Context(), state.Run{ID: "run-" + name, Pipeline: name, Kind: "run", StartedAt: begin, Node: "x"})
		if err != nil {
			t.Fatal(err)
		}
		fences[name] = fence
	}
	for n := 0; n < entries; n += group {
		name := names[n/group%len(names)]
		if n/group%2 == 0 { // half of all
			name = names[0]
		}
		st := state.Settlement{Run: "run-" + name, Fence: fences[name], Pipeline: name}
		for i := n; i < min(n+group, entries); i++ {
			key, record, at := fmt.Sprint("k", i), fmt.Sprint("r", i), begin.Add(time.Duration(i)*step)
			e := state.Entry{
				At: at, Run: st.Run, Pipeline: name, Entity: "order", Key: key, RecordID: record, Outcome: state.Delivered,
				Detail: []byte(`{"effects":[{"step":"sale","entity":"sale","action":"create","id":"S` + key + `"}]}`), Took: 40 * time.Millisecond,
			}
			switch i % 100 {
			case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
				e.Outcome, e.Code, e.Reason = state.Filtered, "filtered", "nothing was sold"
			case 50:
				e.Outcome, e.Code, e.Reason, e.Detail = state.Dead, "sink.not_found", "no customer", nil
				st.Hold = append(st.Hold, state.Held{
					Pipeline: name, Run: st.Run, Entity: "order", Key: key, RecordID: record, Status: state.HeldDead, Step: "sale", Code: e.Code,
					Message: e.Reason, Since: at, Original: []byte(`{"ref":"` + key + `"}`), CreatedAt: at, UpdatedAt: at,
				})
			}
			st.Entries = append(st.Entries, e)
			st.Mentions = append(st.Mentions, state.Mention{Term: s.store.SearchTerm(fmt.Sprintf("m%d@example.test", i)), Key: key})
			if i%10 == 7 {
				st.Stories = append(st.Stories, state.Story{RecordID: record, At: at, Body: []byte(`{"source":{"ref":"` + key + `"},"steps":[],"effects":[],"exchanges":[]}`)})
			}
		}
		if err := s.store.Settle(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		err := s.store.FinishRun(t.Context(), state.Run{ID: "run-" + name, Pipeline: name, Status: "partial", FinishedAt: time.Now()}, fences[name])
		if err != nil {
			t.Fatal(err)
		}
	}
	fillHours(t, s.store.DSN(), names, begin)
}

// fillHours writes the roll-ups of those days, and runs every five minutes, which only time would bring.
func fillHours(t *testing.T, dsn string, names []string, begin time.Time) {
	t.Helper()
	driver := "sqlite"
	if state.IsPostgres(dsn) {
		driver = "pgx"
	} else {
		dsn = state.SQLiteName(dsn)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	do := func(query string, args ...any) {
		if _, err := tx.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		for hour := begin.Truncate(time.Hour); time.Since(hour) > time.Hour; hour = hour.Add(time.Hour) {
			for _, outcome := range []string{"delivered", "filtered", "unchanged", "dead", "parked"} {
				do("INSERT INTO hourly VALUES ($1, $2, $3, 100) ON CONFLICT DO NOTHING", name, hour.UnixMilli(), outcome)
				do("INSERT INTO steps VALUES ($1, 'sale', $2, $3, 100) ON CONFLICT DO NOTHING", name, hour.UnixMilli(), outcome)
			}
			for minute := range 12 {
				at := hour.Add(time.Duration(minute) * 5 * time.Minute).UnixMilli()
				do("INSERT INTO runs VALUES ($1, $2, 'run', 'succeeded', $3, $4, '{}', '{}', '', 'v', 'x', 0, $1)", fmt.Sprint("old-", name, at), name, at, at)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
