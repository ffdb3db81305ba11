package dashboard_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
)

// trouble is something that an alert watches over, a connection that is down, and a day that does not agree.
func (s *shop) trouble() {
	s.t.Helper()
	now := time.Now()
	for _, err := range []error{
		s.store.PutAlerts(s.t.Context(), []state.Alert{{
			Alert: "office", Condition: "dead_letters", Subject: "orders sale books.total", Since: now.Add(-time.Hour), Seen: now,
			What: "1 record of pipeline orders did not come through, at step sale (books.total)", Why: "total is no number",
			Remedy: "Mend it in the till, then replay the letter.", Path: "/failures",
		}}),
		s.store.PutTroubles(s.t.Context(), "elsewhere/1", []state.Trouble{{Connection: "fake.books", Since: now.Add(-time.Hour), Reason: "it is away"}}),
		s.store.PutReconciled(s.t.Context(), state.Reconciled{Name: "till", Day: today(), At: now, Differences: 2, Off: []state.Off{{Amount: "1234.50", Currency: "EUR"}, {Amount: "3.00", Currency: "NOK"}}}),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestTroubleIsShown: what an alert watches over, and connections that are down, on the overview and in the API.
func TestTroubleIsShown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.trouble()
	contains(t, s.get("/"), "did not come through, at step sale", "nobody was told yet", "it is away", `class="pill down"`)
	contains(t, s.get("/connections"), "it is away")
	contains(t, s.get("/reconciliation", "Accept-Language", "nl"), "1.234,50")
	var seen dashboard.Overview
	into(t, s.get("/api/v1/overview"), &seen)
	if len(seen.Alerts) != 1 || seen.Alerts[0].Told != nil || seen.Connections[1].State != dashboard.Down || !seen.NeedsSomebody() {
		t.Errorf("%+v", seen)
	}
	contains(t, s.get("/metrics"), `kopru_connection_down{connection="fake.books"} 1`)
}

// TestReconciliation does what kopru reconcile does, and keeps how the day came out.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	s.books.order("A-6", `"total":5`) // not read yet
	contains(t, s.post("/api/v1/reconciliations", `{"name":"till","from":"`+today()+`","to":"`+today()+`"}`, http.StatusOK),
		`"currency":"EUR","source":{"records":3,"amount":24.50},"target":{"records":2,"amount":19.50}`,
		`"differences":[{"day":"`+today()+`","key":"A-6","kind":"missing","currency":"EUR","source":"5.00","off":-5.00,"why":"not read yet"}]`)
	contains(t, s.get("/api/v1/reconciliations"), `"differences":1,"off":[{"amount":"5.00","currency":"EUR"}]`)
	s.books.order("A-7", `"total":1234567890123.45,"currency":"NOK"`)
	contains(t, s.get("/api/v1/takings"), `"worth":[{"records":3,"amount":24.50,"currency":"EUR"},{"records":1,"amount":1234567890123.45,"currency":"NOK"}]`)
	contains(t, s.get("/", "Accept-Language", "nb"), "24,50\u00a0€", "1\u00a0234\u00a0567\u00a0890\u00a0123,45\u00a0kr")
	for _, wrong := range []string{
		`{"name":"till","from":"2026-01-01","to":"2026-03-01"}`, `{"name":"till","from":"2026-01-02","to":"2026-01-01"}`,
		`{"name":"till","from":"today","to":"2026-01-01"}`,
	} {
		s.post("/api/v1/reconciliations", wrong, http.StatusUnprocessableEntity)
	}
	s.post("/api/v1/reconciliations", `{"name":"none","from":"2026-01-01","to":"2026-01-01"}`, http.StatusNotFound)
}
