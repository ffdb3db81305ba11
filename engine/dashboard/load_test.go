package dashboard_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// TestLoad fills the state with as many entries as KOPRU_LOAD says, and measures each page while a sync runs at full
// speed, and what that costs the sync. make load shows it.
func TestLoad(t *testing.T) {
	entries, _ := strconv.Atoi(os.Getenv("KOPRU_LOAD"))
	if entries == 0 {
		t.Skip("KOPRU_LOAD says with how many entries")
	}
	dir := os.Getenv("KOPRU_LOAD_DIR") // keeps the state for another time
	if dir == "" {
		dir = t.TempDir()
	}
	_, missing := os.Stat(filepath.Join(dir, "state.db"))
	s := newShopIn(t, dir)
	s.books.swift = true
	if missing != nil {
		began := time.Now()
		fillActivity(t, s, entries)
		t.Logf("%d entries were made in %s", entries, time.Since(began).Round(time.Second))
	}

	s.sync(1000) // warms up
	alone := s.sync(synced)
	pages := newPages(s)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		pages.visit(stop)
	}()
	watched := s.sync(synced)
	for pages.least() < visits {
		s.sync(synced / 4)
	}
	close(stop)
	<-ended
	again := s.sync(synced)
	alone = (alone + again) / 2
	t.Logf("records a second: %.0f alone, %.0f with visitors (%+.1f %%)", alone, watched, 100*(watched/alone-1))
	for _, path := range pages.paths {
		took := pages.took[path]
		slices.Sort(took)
		p95 := took[len(took)*95/100]
		t.Logf("%6d ms at the 95th percentile of %4d, %5d ms at most: %s", p95.Milliseconds(), len(took), took[len(took)-1].Milliseconds(), path)
		if p95 > 300*time.Millisecond {
			t.Errorf("%s is slow", path)
		}
	}
}

const (
	synced = 20_000                // records of a measurement
	visits = 40                    // of each page
	pace   = 50 * time.Millisecond // between pages: some operators who look at one after the other
)

// sync brings n new records, and returns how many a second.
func (s *shop) sync(n int) float64 {
	from := len(s.books.feed)
	for i := range n {
		s.books.order(fmt.Sprint("N-", from+i), fmt.Sprintf(`"total":%d.50,"email":"n%d@example.test"`, i, from+i))
	}
	began := time.Now()
	s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
	return float64(n) / time.Since(began).Seconds()
}

// pages are visited one after the other, as often as can be.
type pages struct {
	s     *shop
	paths []string
	took  map[string][]time.Duration
	count chan int
}

func newPages(s *shop) *pages {
	at := func(days int) string { return time.Now().AddDate(0, 0, -days).Format("2006-01-02T15:04") }
	return &pages{s: s, took: map[string][]time.Duration{}, count: make(chan int, 1), paths: []string{
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
	for n := 1; ; n++ {
		for _, path := range p.paths {
			select {
			case <-stop:
				return
			default:
			}
			time.Sleep(pace)
			began := time.Now()
			if status, body, _ := p.s.ask(http.MethodGet, path, ""); status != http.StatusOK {
				p.s.t.Errorf("%s: %d %.200s", path, status, body)
			}
			p.took[path] = append(p.took[path], time.Since(began))
		}
		select {
		case <-p.count:
		default:
		}
		p.count <- n
	}
}

// least is how often all were visited.
func (p *pages) least() int {
	n := <-p.count
	return n
}

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
	fillHours(t, filepath.Join(s.dir, "state.db"), names, begin)
}

// fillHours writes the roll-ups of those days, and runs every five minutes, which only time would bring.
func fillHours(t *testing.T, path string, names []string, begin time.Time) {
	t.Helper()
	db, err := sql.Open("sqlite", state.SQLiteName(path))
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
				do("INSERT INTO hourly VALUES (?, ?, ?, 100)", name, hour.UnixMilli(), outcome)
				do("INSERT INTO steps VALUES (?, 'sale', ?, ?, 100)", name, hour.UnixMilli(), outcome)
			}
			for minute := range 12 {
				at := hour.Add(time.Duration(minute) * 5 * time.Minute).UnixMilli()
				do("INSERT INTO runs VALUES (?, ?, 'run', 'succeeded', ?, ?, '{}', '{}', '', 'v', 'x')", fmt.Sprint("old-", name, at), name, at, at)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
