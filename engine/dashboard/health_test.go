package dashboard_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/host"
)

// TestReadiness: a node is ready while its heartbeat is fresh, its state answers and no connector is given up.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ready := func(want int, why string) {
		t.Helper()
		status, body, _ := s.ask(http.MethodGet, "/readyz", "")
		if status != want || !strings.Contains(body, why) {
			t.Errorf("%d %s, want %d, %s", status, body, want, why)
		}
	}
	contains(t, s.get("/healthz"), `"alive"`, "1.2.3")
	ready(http.StatusServiceUnavailable, "not been heard of")
	beat := state.Node{Name: s.runner.Node, Version: "1.2.3", Since: time.Now()}
	if err := s.store.Beat(t.Context(), beat); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusOK, `"ready":true`)
	s.connectors = []host.Status{{Name: "fake", State: host.Quarantined, Until: time.Now().Add(time.Minute)}}
	ready(http.StatusServiceUnavailable, "left alone: fake")
	s.connectors = nil
	beat.Draining = true
	if err := s.store.Beat(t.Context(), beat); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusServiceUnavailable, "draining")
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	ready(http.StatusServiceUnavailable, "does not answer")
}

// TestMetrics: what the Grafana dashboard asks for is there, and nothing of any record.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.connectors = []host.Status{{Name: "fake", State: host.Ready}}
	s.sell()
	body := s.get("/metrics")
	contains(t, body, `kopru_records_total{outcome="delivered",pipeline="orders"} 2`, `kopru_records_total{outcome="dead",pipeline="orders"} 1`,
		`kopru_dead_letters{pipeline="orders"} 1`, `kopru_connector_state{connector="fake",state="ready"} 1`,
		`kopru_connection_paused{connection="fake.till"} 0`, `kopru_batch_duration_seconds_count{pipeline="orders"} 1`,
		`kopru_call_duration_seconds_count{connection="fake.books",operation="write",result="ok"} 2`,
		`kopru_call_duration_seconds_count{connection="fake.books",operation="write",result="invalid"} 1`,
		`kopru_call_duration_seconds_count{connection="fake.books",operation="lookup",result="ok"} 3`)
	for _, hidden := range []string{hush, "@example.test", "A-1", "total is no number"} {
		if strings.Contains(body, hidden) {
			t.Errorf("%q among the metrics", hidden)
		}
	}
	grafana, err := os.ReadFile("../telemetry/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`kopru_[a-z_]+`).FindAllString(string(grafana), -1)
	if len(names) < 10 {
		t.Fatal(names)
	}
	for _, name := range names {
		if !strings.Contains(body, "\n"+name+"{") {
			t.Errorf("the Grafana dashboard asks for %s, which is not there", name)
		}
	}
	for _, group := range regexp.MustCompile(`by \(([^)]+)\)`).FindAllStringSubmatch(string(grafana), -1) {
		for label := range strings.SplitSeq(group[1], ", ") {
			if !strings.Contains(body, label+`="`) {
				t.Errorf("the Grafana dashboard groups by %s, which is not there", label)
			}
		}
	}
}

// TestTracesArrive: a collector gets a span for each batch and each call in it, when the environment names one.
func TestTracesArrive(t *testing.T) {
	var mu sync.Mutex
	var names []string
	where := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &sent); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, of := range sent.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					names = append(names, span.GetName())
				}
			}
		}
		if strings.Contains(string(data), "A-4") || strings.Contains(string(data), "@example.test") {
			t.Error("a trace tells of a record")
		}
	}))
	t.Cleanup(where.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", where.URL)
	s := newShop(t)
	s.sell()
	if err := s.telemetry.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	want := []string{"batch orders", "lookup fake.books", "lookup fake.books", "lookup fake.books", "write fake.books", "write fake.books", "write fake.books"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}
