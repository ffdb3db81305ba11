package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/telemetry"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hush = "hush-hush-secret"

const projectText = `
variable "shop" {
  type        = string
  default     = "Corner Shop"
  description = "Name of the shop, as the books show it"
  validation {
    condition     = var.shop != ""
    error_message = "A shop has a name."
  }
}

variable "copies" {
  type    = number
  default = 1
}

variable "vat" {
  type        = map(string)
  default     = {}
  description = "VAT rate → code"
}

connection "fake" "till" {
  key = "hush-hush-secret"
}
connection "fake" "books" {
  key = "hush-hush-secret"
}

pipeline "orders" {
  description = "Till orders become sales"
  source "order" {
    connection = fake.till
  }
  filter "sold" {
    keep   = record.total != 0
    reason = "nothing was sold"
  }
  transform "shape" {
    set = { ref = record.ref, total = record.total, shop = var.shop, buyer = record.email }
  }
  sink "sale" {
    connection = fake.books
    match      = { ref = record.ref }
    set        = record
  }
}

reconcile "till" {
  pipelines = ["orders"]
  source "order" {
    connection = fake.till
    keep       = record.ref != "A-4" && record.total != 0
    key        = record.ref
    day        = "TODAY"
    amount     = record.total
    currency   = coalesce(record.currency, "EUR")
  }
  target "sale" {
    connection = fake.books
    key        = record.ref
    day        = "TODAY"
    amount     = record.total
  }
}
`

// books is a made-up system: orders to read, and a table of sales that takes no total that is a text.
type books struct {
	swift bool // nothing is ever found
	mu    sync.Mutex
	feed  []*protocol.Record
	sales []map[string]any
}

func (b *books) order(ref, fields string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed = append(b.feed, &protocol.Record{
		Key: ref, Payload: []byte(`{"ref":"` + ref + `",` + fields + `}`), Operation: protocol.Operation_OPERATION_UPSERT,
	})
}

type feed struct {
	of *books
	at int
}

func (b *books) Read(_ context.Context, start *protocol.ReadStart) (run.Stream, error) {
	at, _ := strconv.Atoi(start.GetCursor())
	if start.GetEntity() != "sale" {
		return &feed{b, at}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	sold := &books{}
	for _, sale := range b.sales {
		data, err := record.Encode(sale)
		if err != nil {
			return nil, err
		}
		sold.feed = append(sold.feed, &protocol.Record{Key: fmt.Sprint(sale["ref"]), Payload: data})
	}
	return &feed{sold, 0}, nil
}

func (f *feed) Next() (*protocol.Batch, error) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	rest := f.of.feed[f.at:]
	if len(rest) == 0 {
		return nil, io.EOF
	}
	f.at = len(f.of.feed)
	return &protocol.Batch{Records: rest, Cursor: strconv.Itoa(f.at)}, nil
}
func (f *feed) End() string      { return "" }
func (f *feed) Committed(string) {}
func (f *feed) Close() error     { return nil }

func (b *books) Lookup(_ context.Context, _ string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*protocol.Hits, len(queries))
	for i, q := range queries {
		out[i] = &protocol.Hits{}
		if b.swift {
			continue
		}
		match, _ := record.DecodeObject(q.GetMatch())
		for n, sale := range b.sales {
			if id := fmt.Sprint("S", n+1); q.GetId() == id || q.GetId() == "" && record.Equal(sale["ref"], match["ref"]) {
				data, _ := record.Encode(sale)
				out[i].Found = append(out[i].Found, &protocol.Found{Id: id, Fields: data})
			}
		}
	}
	return out, nil
}

func (b *books) Writer(context.Context, *protocol.WriteStart) (run.Writer, error) {
	return writer{b}, nil
}

type writer struct{ *books }

func (writer) Position() string { return "" }
func (writer) Close() error     { return nil }

func (w writer) Write(_ context.Context, ops []*protocol.Op) (*protocol.WriteResults, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := &protocol.WriteResults{}
	for _, op := range ops {
		fields, err := record.DecodeObject(op.GetPayload())
		if err != nil {
			return nil, err
		}
		exchange := []*protocol.Exchange{{Request: "POST /sales\nkey: " + hush + "\n\n" + string(op.GetPayload()), Response: "no", Status: 422, TookMs: 3}}
		if _, ok := fields["total"].(record.Number); !ok {
			out.Results = append(out.Results, &protocol.Result{Exchanges: exchange, Failure: &protocol.Failure{
				Class: protocol.FailureClass_FAILURE_CLASS_INVALID, Code: "books.total", Message: "total is no number",
			}})
			continue
		}
		exchange[0].Response, exchange[0].Status = "made", 201
		w.sales = append(w.sales, fields)
		out.Results = append(out.Results, &protocol.Result{Id: fmt.Sprint("S", len(w.sales)), Exchanges: exchange})
	}
	return out, nil
}

type catalog struct{}

func (catalog) Names() []string { return []string{"fake"} }

func (catalog) Manifest(string) (*protocol.Manifest, error) {
	text := protocol.FieldType_FIELD_TYPE_STRING
	order := &protocol.Entity{Name: "order", OpenFields: true, CanRead: true, Incremental: true, Fields: []*protocol.Field{{Name: "email", Type: text, Pii: true}}}
	sale := &protocol.Entity{Name: "sale", OpenFields: true, IdField: "id", CanRead: true, CanLookup: true, CanCreate: true, CanUpdate: true}
	return &protocol.Manifest{
		Name: "fake", Version: "1.0.0", Entities: []*protocol.Entity{order, sale},
		Config: []*protocol.Attribute{{Name: "key", Type: protocol.AttributeType_ATTRIBUTE_TYPE_STRING, Sensitive: true}},
	}, nil
}

// today is one day for a whole test run, at midnight too.
var today = sync.OnceValue(func() string { return time.Now().UTC().Format(time.DateOnly) })

// shop is an engine with its dashboard.
type shop struct {
	t      *testing.T
	dir    string
	books  *books
	store  *state.Store
	server *httptest.Server
	client *http.Client
	token  string

	runner     *run.Runner
	engine     dashboard.Engine
	telemetry  *telemetry.Telemetry
	connectors []host.Status

	mu      sync.Mutex
	asked   time.Time // the systems, what settings may be
	number  int
	stamp   time.Time
	project *pipelines.Project
}

func newShop(t *testing.T) *shop {
	t.Helper()
	dir := t.TempDir()
	return newShopIn(t, dir, filepath.Join(dir, "state.db"))
}

func newShopIn(t *testing.T, dir, dsn string, keys ...state.Key) *shop {
	t.Helper()
	s := &shop{t: t, dir: dir, books: &books{}}
	s.write("p.hcl", strings.ReplaceAll(projectText, "TODAY", today()))
	var err error
	if s.store, err = state.Open(t.Context(), dsn, keys...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	connections := run.NewConnections(func(context.Context, *pipelines.Connection) (run.Remote, error) { return s.books, nil })
	runner := run.New(s.store, connections, slog.New(slog.DiscardHandler), state.HereNode())
	s.runner = runner
	told, err := telemetry.New(t.Context(), "1.2.3", runner.Node, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	s.telemetry = told
	t.Cleanup(func() { _ = told.Close(context.Background()) })
	s.engine = dashboard.Engine{
		Connectors: func() []host.Status { return s.connectors }, Metrics: told,
		Store: s.store, Runner: runner, Log: slog.New(slog.DiscardHandler), Version: "1.2.3", Definition: s.definition,
		Clean: func(text string) string { return strings.ReplaceAll(text, hush, "•••") },
		Trigger: func(ctx context.Context, name string) error {
			_, err := runner.Run(ctx, s.definition().Project.Pipelines[0])
			return err
		},
		Check: func(context.Context, *pipelines.Connection) dashboard.Checked {
			return dashboard.Checked{OK: true, Facts: []string{"It is open with " + hush}, Problems: []dashboard.Problem{}}
		},
		Questions: func(_ context.Context, _ *pipelines.Project, ask dashboard.Ask) dashboard.Questions {
			q := dashboard.Question{Setting: "vat", Part: "VAT and revenue", Map: true}
			if ask != dashboard.AskNobody {
				s.asked = time.Now()
			}
			if !s.asked.IsZero() {
				q.Keys = []dashboard.Option{{Value: "21", Label: "21"}, {Value: "9", Label: "9"}}
				q.Values = []dashboard.Option{{Value: "03", Label: "03 · High"}, {Value: "02", Label: "02 · Low"}}
			}
			return dashboard.Questions{List: []dashboard.Question{q}, Since: s.asked, Lacking: []string{"no list of " + hush}}
		},
		Try: func(_ context.Context, settings []byte) (*pipelines.Project, diag.List, error) {
			p, diags := s.load(settings)
			return p, diags, nil
		},
	}
	runs, err := run.NewTelemetry(told.Meter, told.Tracer)
	if err = errors.Join(err, s.engine.Observe(told.Meter)); err != nil {
		t.Fatal(err)
	}
	runner.Observe(runs)
	handler, err := dashboard.New(s.engine)
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(handler)
	t.Cleanup(s.server.Close)
	s.client = s.server.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) load(settings []byte) (*pipelines.Project, diag.List) {
	return pipelines.Load(s.dir, pipelines.Options{Catalog: catalog{}, Env: func(string) (string, bool) { return "", false }, Standard: settings})
}

// definition is what is in force: the folder as it is, as an engine takes it up.
func (s *shop) definition() dashboard.Definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(filepath.Join(s.dir, pipelines.DefaultVarFile))
	if s.project == nil || err == nil && !info.ModTime().Equal(s.stamp) {
		p, diags := s.load(nil)
		if diags.HasErrors() {
			panic(fmt.Sprintf("%+v", diags))
		}
		s.project, s.number = p, s.number+1
		if err == nil {
			s.stamp = info.ModTime()
		}
	}
	return dashboard.Definition{Number: s.number, Since: time.Now(), Project: s.project, Runs: map[string]bool{"orders": true}}
}

// sell is a day's trade: two orders come through, one is not wanted and one fails.
func (s *shop) sell() {
	s.t.Helper()
	s.books.order("A-1", `"total":12.50,"email":"ada@example.test"`)
	s.books.order("A-2", `"total":7,"email":"bob@example.test"`)
	s.books.order("A-3", `"total":0,"email":"cem@example.test"`)
	s.books.order("A-4", `"total":"nine","email":"dag@example.test"`)
	s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
}

func (s *shop) ask(method, path, body string, headers ...string) (int, string, http.Header) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" && strings.HasPrefix(path, "/api/") {
		req.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(data), resp.Header
}

func (s *shop) get(path string, headers ...string) string {
	s.t.Helper()
	status, body, _ := s.ask(http.MethodGet, path, "", headers...)
	if status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return body
}

func (s *shop) post(path, body string, want int) string {
	s.t.Helper()
	status, answer, _ := s.ask(http.MethodPost, path, body)
	if status != want {
		s.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
	return answer
}

func contains(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func (s *shop) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// restart serves the shop by a new handler, at the same address, that remembers nothing but the state.
func (s *shop) restart() {
	s.t.Helper()
	handler, err := dashboard.New(s.engine)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.Config.Handler = handler
}
