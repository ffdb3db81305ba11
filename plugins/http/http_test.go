package http_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kopru-io/kopru/plugins/http"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
	"github.com/kopru-io/kopru/plugins/sdk/fixture"
)

// open makes a connection with settings over those of a shop's numbered pages.
func (s *shop) open(t *testing.T, entity string, settings map[string]any) remote {
	t.Helper()
	return open(t, http.New(), s.URL, entity, settings)
}

func open(t *testing.T, connector *http.Connector, address, entity string, settings map[string]any) remote {
	t.Helper()
	thing, err := record.DecodeObject([]byte(`{"path": "/page/things", "items": "data", "item": "data",
		"paging": {"style": "page", "parameter": "page"}, "lookup": {"code": "code"}` + entity + `}`))
	if err != nil {
		t.Fatal(err)
	}
	config := sdk.Config{"url": address + "/v1", "timeout": "10s", "idempotency_header": "Idempotency-Key", "entities": map[string]any{"thing": thing}}
	for name, value := range settings {
		config[name] = value
	}
	for _, p := range connector.Validate(config) {
		t.Fatalf("%s: %s %s", p.GetAttribute(), p.GetSummary(), p.GetDetail())
	}
	c, err := connector.Open(t.Context(), "http.shop", config, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(remote)
}

type remote interface {
	sdk.Connection
	sdk.Reader
	sdk.Looker
	sdk.Writer
}

func read(t *testing.T, c sdk.Reader, q sdk.ReadRequest) (keys, end string, records []sdk.Record) {
	t.Helper()
	q.Entity, q.BatchSize = "thing", 100
	end, err := c.Read(t.Context(), q, func(b sdk.Batch) error {
		for _, r := range b.Records {
			keys += r.Key + " "
		}
		records = append(records, b.Records...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(keys), end, records
}

func write(t *testing.T, c sdk.Writer, op sdk.Op) (sdk.Result, *sdk.Failure) {
	t.Helper()
	w, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: "thing"})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := w.Write(t.Context(), []sdk.Op{op})
	if err != nil {
		t.Fatal(err)
	}
	var f *sdk.Failure
	errors.As(results[0].Err, &f)
	return results[0], f
}

const byChange = `, "cursor": {"field": "changed", "parameter": "since", "overlap": "0s"}`

// TestIncremental: a read goes on where the last one ended, yet never after its begin.
func TestIncremental(t *testing.T) {
	t.Parallel()
	s := newShop(t, 7)
	c := s.open(t, byChange, nil)
	keys, end, _ := read(t, c, sdk.ReadRequest{})
	if keys != "1 2 3 4 5 6 7" {
		t.Errorf("at first: %s", keys)
	}
	s.add(map[string]any{"code": "new"})
	if keys, end, _ = read(t, c, sdk.ReadRequest{Cursor: end}); keys != "7 8" {
		t.Errorf("then: %s", keys)
	}
	s.add(map[string]any{"code": "future"})["changed"] = "2126-01-01T00:00:00Z"
	_, end, _ = read(t, c, sdk.ReadRequest{Cursor: end})
	s.add(map[string]any{"code": "now"})["changed"] = time.Now().UTC().Add(time.Second).Format(time.RFC3339)
	if keys, _, _ = read(t, c, sdk.ReadRequest{Cursor: end}); keys != "9 10" {
		t.Errorf("after a record of the next century: %s", keys)
	}
	from := time.Unix(begin+3, 0)
	if keys, _, records := read(t, c, sdk.ReadRequest{From: from, To: from.Add(2 * time.Second)}); keys != "3 4" || !records[0].OccurredAt.Equal(from) {
		t.Errorf("a range: %s, %v", keys, records)
	}
}

// TestForgottenPage: where the system does not know a page any more, the read begins again.
func TestForgottenPage(t *testing.T) {
	t.Parallel()
	s := newShop(t, 7)
	c := s.open(t, "", nil)
	gone := true
	s.refuse = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		if r.URL.Query().Get("page") != "2" || !gone {
			return false
		}
		gone = false
		w.WriteHeader(410)
		return true
	}
	if keys, end, _ := read(t, c, sdk.ReadRequest{Cursor: `{"page":"2"}`}); keys != "1 2 3 4 5 6 7" || end != "{}" {
		t.Errorf("%s, %s", keys, end)
	}
}

// TestRecords: what can't be made sense of is told with the record, and the others go on.
func TestRecords(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.things[0]["price"] = "12,50"
	s.things[1]["gone"] = true
	delete(s.add(map[string]any{"code": "x", "more": 1}), "id")
	_, _, records := read(t, s.open(t, `, "deleted": "gone", "fields": {"id": "integer", "price": "decimal"}`, nil), sdk.ReadRequest{})
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %v %s %v", r.Key, r.Delete, r.Payload, r.Err))
	}
	want := []string{
		`1 false {"changed":"2026-09-21T14:13:21Z","code":"code-0","id":1,"price":"12,50","version":1} price is string, and ` + "`fields` says decimal",
		`2 true {"id":2,"price":12.50} <nil>`,
		` false {} the record has no id at id`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		first  any
		asked  string // by the next read
	}{
		{"rfc3339", "2026-01-31T10:00:00.5+02:00", "2026-01-31T07:59:00.5Z"},
		{"rfc3339", "2026-01-31T10:00:00", "2026-01-31T09:59:00Z"},
		{"datetime", "2026-01-31 10:00:00", "2026-01-31 09:59:00"},
		{"date", "2026-01-31", "2026-01-30"},
		{"unix", 1769853600, "1769853540"},
		{"unix_ms", 1769853600123, "1769853540123"},
		{"integer", json.Number("12345678901234567890"), "12345678901234567890"},
		{"integer", "17", "17"},
		{"text", "AB-17", "AB-17"},
	} {
		s := newShop(t, 1)
		s.things[0]["at"] = c.first
		remote := s.open(t, `, "cursor": {"field": "at", "parameter": "after", "format": "`+c.format+`"}`, nil)
		_, end, _ := read(t, remote, sdk.ReadRequest{})
		read(t, remote, sdk.ReadRequest{Cursor: end})
		if got := s.calls[len(s.calls)-1].URL.Query().Get("after"); got != c.asked {
			t.Errorf("%s %v: asked from %s, want %s", c.format, c.first, got, c.asked)
		}
		s.things[0]["at"] = true
		if _, err := remote.Read(t.Context(), sdk.ReadRequest{Entity: "thing"}, nil); err == nil || !strings.Contains(err.Error(), c.format) {
			t.Errorf("%s: a mark of another kind: %v", c.format, err)
		}
	}
}

// TestAuth: each way reaches the system, and none leaves a trace.
func TestAuth(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.refuse = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		if r.URL.Path == "/token" {
			return false
		}
		_, password, _ := r.BasicAuth()
		for _, given := range []string{password, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.Header.Get("X-Key"), r.URL.Query().Get("key")} {
			if given == "s3cret&" || given == "access-1" {
				return false
			}
		}
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"error": {"message": "I don't know %s"}}`, r.URL.RawQuery+r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		return true
	}
	ways := map[string]map[string]any{
		"basic":  {"username": "kopru", "password": "s3cret&"},
		"bearer": {"token": "s3cret&"},
		"header": {"token": "s3cret&", "auth_name": "x-key"},
		"query":  {"token": "s3cret&", "auth_name": "key"},
		"oauth2": {"token_url": s.URL + "/token", "client_id": "kopru", "client_secret": "client s3cret"},
	}
	for way, settings := range ways {
		settings["auth"], settings["error_message"] = way, "error.message"
		c := s.open(t, "", settings)
		if _, problems := c.Check(t.Context()); len(problems) > 0 {
			t.Errorf("%s: %v", way, problems)
		}
		r, f := write(t, c, sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Payload: []byte(`{"code": "` + way + `"}`)})
		if f != nil || len(r.Exchanges) != 1 {
			t.Errorf("%s: %v, %v", way, f, r.Exchanges)
		}
		for name := range settings {
			if name == "password" || name == "token" {
				settings[name] = "wr0ng&secret"
			}
		}
		if way == "oauth2" {
			settings["client_secret"] = "wr0ng&secret"
		}
		r, f = write(t, s.open(t, "", settings), sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Payload: []byte(`{}`)})
		if f == nil || f.Class != protocol.FailureClass_FAILURE_CLASS_AUTH {
			t.Errorf("%s with a wrong secret: %v", way, f)
		}
		if told := fmt.Sprint(f, r.Exchanges, f.Exchanges); strings.Contains(told, "wr0ng") {
			t.Errorf("%s tells the secret: %s", way, told)
		}
	}
}

// TestRecorded: what the shop answered once is enough to read it and to write to it.
func TestRecorded(t *testing.T) {
	t.Parallel()
	connector := http.New()
	tape := fixture.Open(t, "testdata/shop.yaml", unplugged{newShop(t, 7).Config.Handler})
	connector.Transport = tape
	c := open(t, connector, "https://shop.example", "", map[string]any{"auth": "bearer", "token": tape.Secret("SHOP_TOKEN")})
	keys, end, _ := read(t, c, sdk.ReadRequest{})
	r, f := write(t, c, sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Payload: []byte(`{"code": "new", "price": 1.50}`)})
	if got, want := []string{keys, end, r.ID}, []string{"1 2 3 4 5 6 7", "{}", "8"}; f != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q; %v", got, want, f)
	}
}

// unplugged is a shop that is asked without the net.
type unplugged struct{ nethttp.Handler }

func (u unplugged) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestWrites: what goes out, and what an answer means.
func TestWrites(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	create := sdk.Op{Operation: protocol.Operation_OPERATION_CREATE, Payload: []byte(`{"code": "a"}`), IdempotencyKey: "once-1"}
	var sent string
	status, answer, header := 0, "", nethttp.Header{}
	s.refuse = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		if status == 0 {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		sent = r.Method + " " + r.URL.Path + " " + string(body) + " " + r.Header.Get("Idempotency-Key")
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
		return true
	}
	c := s.open(t, `, "wrap": "thing"`, map[string]any{
		"error_message": "error.message", "error_field": "error.field", "statuses": map[string]any{"409": "invalid"},
	})
	status, header = 201, nethttp.Header{"Location": {"/v1/things/77?x=1"}}
	if r, f := write(t, c, create); f != nil || r.ID != "77" || sent != `POST /v1/page/things {"thing":{"code": "a"}} once-1` {
		t.Errorf("%s, %v, %s", r.ID, f, sent)
	}
	header = nethttp.Header{}
	for _, w := range []struct {
		status int
		answer string
		class  protocol.FailureClass
		words  string
	}{
		{201, `{}`, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, "no id"},
		{409, `{"error": {"message": "the code is taken", "field": "code"}}`, protocol.FailureClass_FAILURE_CLASS_INVALID, "the code is taken"},
		{422, `{"error": {"message": "` + strings.Repeat("long ", 10000) + `"}}`, protocol.FailureClass_FAILURE_CLASS_INVALID, "long"},
		{412, ``, protocol.FailureClass_FAILURE_CLASS_CONFLICT, ""},
		{502, `<html><title>Bad gateway</title></html>`, protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, "Bad gateway"},
		{429, ``, protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED, ""},
	} {
		status, answer = w.status, w.answer
		_, f := write(t, c, create)
		if f == nil || f.Class != w.class || !strings.Contains(f.Error(), w.words) || len(f.Error()) > 3000 {
			t.Errorf("%d: %v", w.status, f)
		}
		if w.status == 409 && f.Field != "code" {
			t.Errorf("the field at fault is %q", f.Field)
		}
	}
	status = 0
	put := s.open(t, `, "update": "PUT"`, nil)
	if _, f := write(t, put, sdk.Op{Operation: protocol.Operation_OPERATION_UPDATE, ID: "1", Payload: []byte(`{"note": "new"}`)}); f != nil {
		t.Error(f)
	}
	if got := s.things[0]; fmt.Sprint(got["code"], got["note"], got["price"]) != "code-0new12.50" {
		t.Errorf("a PUT left %v", got)
	}
}

// TestLookups: what is asked for has to be in the query, and what comes has to be it.
func TestLookups(t *testing.T) {
	t.Parallel()
	s := newShop(t, 12)
	c := s.open(t, "", nil)
	for _, q := range []struct {
		query sdk.Query
		want  string
	}{
		{sdk.Query{Match: map[string]any{"code": "code-1"}}, "2"}, // code-10 and code-11 are alike
		{sdk.Query{Match: map[string]any{"code": "CODE-1"}}, ""},
		{sdk.Query{Match: map[string]any{"code": "code-1", "price": record.Number("12.5")}}, "2"},
		{sdk.Query{Match: map[string]any{"code": "code-1", "price": record.Number("13")}}, ""},
		{sdk.Query{ID: "3"}, "3"},
		{sdk.Query{ID: "99/../3"}, ""},
	} {
		found, err := c.Lookup(t.Context(), "thing", q.query)
		got := ""
		for _, f := range found {
			got += f.ID
		}
		if got != q.want || err != nil {
			t.Errorf("%v finds %q, %v", q.query, got, err)
		}
	}
	if _, err := c.Lookup(t.Context(), "thing", sdk.Query{Match: map[string]any{"price": record.Number("1")}}); err == nil || !strings.Contains(err.Error(), "lookup") {
		t.Errorf("a field without a parameter: %v", err)
	}
	if _, err := c.Lookup(t.Context(), "thin", sdk.Query{ID: "1"}); err == nil || !strings.Contains(err.Error(), "there are: thing") {
		t.Errorf("an entity that is not declared: %v", err)
	}
}

// TestUnknownSettings: what is misspelt is told with what there is at that place.
func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	for entity, known := range map[string]string{
		`{"pth": "/x"}`: "item_path", `{"path": "/x", "paging": {"stile": "page"}}`: "style",
		`{"webhook": {"path": "/x", "signature": {"name": "X"}}}`: "header",
	} {
		declared, err := record.DecodeObject([]byte(entity))
		if err != nil {
			t.Fatal(err)
		}
		problems := http.New().Validate(sdk.Config{"url": "https://shop.example", "entities": map[string]any{"thing": declared}})
		if len(problems) == 0 || !strings.Contains(problems[0].GetDetail(), "here: ") || !strings.Contains(problems[0].GetDetail(), known) {
			t.Errorf("%s: %v", entity, problems)
		}
	}
}

// TestMistakes: each is told at its place.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for entity, at := range map[string]string{
		`"path": "things"`:                                                               "path",
		`"path": "/x", "paging": {"style": "page"}`:                                      "paging.parameter",
		`"path": "/x", "paging": {"style": "next"}`:                                      "paging.next",
		`"path": "/x", "paging": {"size_parameter": "limit"}`:                            "paging.size",
		`"path": "/x", "paging": {"sise": 1}`:                                            "paging.sise",
		`"path": "/x", "fields": {"a": "money"}`:                                         "fields.a",
		`"path": "/x", "fields": {"a": 1}`:                                               "fields.a",
		`"path": "/x", "item_path": "/x"`:                                                "item_path",
		`"path": "/x", "update": "patch"`:                                                "update",
		`"path": "/x", "cursor": {"field": "at"}`:                                        "cursor.field",
		`"path": "/x", "cursor": {"field": "at", "parameter": "since", "format": "iso"}`: "cursor.format",
		`"path": "/x", "cursor": {"field": "at", "parameter": "since", "overlap": "1d"}`: "cursor.overlap",
	} {
		declared, err := record.DecodeObject([]byte("{" + entity + "}"))
		if err != nil {
			t.Fatal(err)
		}
		problems := http.New().Validate(sdk.Config{"url": "https://shop.example", "entities": map[string]any{"thing": declared}})
		if len(problems) != 1 || problems[0].GetAttribute() != "entities.thing."+at {
			t.Errorf("%s: %v", entity, problems)
		}
	}
	for name, value := range map[string]any{
		"url": "http://shop.example", "auth": "basic", "statuses": map[string]any{"404": "fine"}, "check": "me", "token_file": "x",
	} {
		config := sdk.Config{"url": "https://shop.example", "entities": map[string]any{"thing": map[string]any{"path": "/x"}}}
		config[name] = value
		problems := http.New().Validate(config)
		if name == "auth" {
			name = "username"
		}
		if len(problems) != 1 || problems[0].GetAttribute() != name {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
