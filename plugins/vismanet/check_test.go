package vismanet

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func healthy(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		reply(w, 200, `[{"number":"1","metadata":{"totalCount":450}}]`, "X-RateLimit-Limit: 5000", "X-RateLimit-Remaining: 4990", "X-RateLimit-Reset: 60")
		return
	}
	reply(w, 200, `{"value":[],"nextPage":null,"totalCount":12}`)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	refusal := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, 400, fmt.Sprintf(`{"error":%q}`, name)) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, code, "") }
	}
	for _, row := range []struct {
		name      string
		api       http.HandlerFunc
		token     http.HandlerFunc
		attribute string // of each problem
		problems  int
		words     string
	}{
		{"well", healthy, nil, "", 0, ""},
		{"wrong secret", healthy, refusal("invalid_client"), "client_secret", 1, "client_secret"},
		{"scope not allowed", healthy, refusal("invalid_scope"), "scopes salesorder_scopes", 2, "Developer Portal"},
		{"company not connected", healthy, refusal("unauthorized_client"), "tenant_id", 1, "Company tenant id"},
		{"wrong tenant", status(401), nil, "tenant_id tenant_id", 2, "Company tenant id"},
		{"no scope", status(403), nil, "scopes salesorder_scopes", 2, "App Store"},
		{"wrong address", status(404), nil, "api_url salesorder_url", 2, "address"},
		{"Connect is down", healthy, status(503), "token_url", 1, "no token at the moment"},
		{"not Connect", healthy, status(404), "token_url", 1, "token_url"},
		{"scope not granted", healthy, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, `{"access_token":"t","expires_in":60,"scope":"vismanet_erp_service_api:read visma.net.erp.salesorder:read"}`)
		}, "scopes salesorder_scopes", 2, "did not grant"},
		{"wrong clock", healthy, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Tue, 03 Feb 2026 12:20:00 GMT")
			reply(w, 200, `{"access_token":"t","expires_in":60}`)
		}, "", 1, "clock is 20m0s behind"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, f := open(t, row.api)
			f.token = row.token
			facts, problems := c.Check(t.Context())
			var attributes []string
			for _, p := range problems {
				attributes = append(attributes, p.GetAttribute())
				if !strings.Contains(p.GetSummary()+p.GetDetail(), row.words) {
					t.Errorf("%v", p)
				}
				if strings.Contains(p.String(), "s3cret") {
					t.Errorf("the secret is in %v", p)
				}
			}
			if len(problems) != row.problems || strings.Join(attributes, " ") != row.attribute {
				t.Errorf("%v", problems)
			}
			if all := strings.Join(facts, "; "); row.problems == 0 && (!strings.Contains(all, "450 customers") || !strings.Contains(all, "4990 of 5000")) {
				t.Error(all)
			}
		})
	}
	c, f := open(t, healthy)
	f.Close()
	if _, problems := c.Check(t.Context()); len(problems) != 1 || problems[0].GetAttribute() != "token_url" {
		t.Error(problems)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	valid := "tok-1 tok-2"
	c, f := open(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(valid, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			reply(w, 401, "")
			return
		}
		reply(w, 404, "") // nobody there
	})
	use := func() error {
		_, err := c.Lookup(t.Context(), "customer", sdk.Query{ID: "nobody"})
		return err
	}
	later := func(d time.Duration) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now = f.now.Add(d)
	}
	count := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.tokens
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := use(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(); n != 1 {
		t.Errorf("%d tokens for one service", n)
	}
	later(56 * time.Minute) // early enough before its end
	if err := use(); err != nil || count() != 2 {
		t.Error(err, count())
	}
	mu.Lock()
	valid = "tok-3"
	mu.Unlock()
	if err := use(); err != nil || count() != 3 { // a 401 gets a new one
		t.Error(err, count())
	}
	mu.Lock()
	valid = ""
	mu.Unlock()
	if err := use(); failureOf(t, err).Class != classAuth || count() != 4 { // once
		t.Error(err, count())
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := func(more sdk.Config) sdk.Config {
		c := defaults()
		for k, v := range map[string]any{"client_id": "a", "client_secret": "b", "tenant_id": "c"} {
			c[k] = v
		}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	for attribute, more := range map[string]sdk.Config{
		"":                  {"api_url": "http://127.0.0.1:1/x/"},
		"api_url":           {"api_url": "http://example.com"},
		"token_url":         {"token_url": "https://u:p@example.com"},
		"salesorder_url":    {"salesorder_url": "nowhere"},
		"client_secret":     {"client_secret": " "},
		"timezone":          {"timezone": "Europe/Atlantis"},
		"page_size":         {"page_size": "x"},
		"overlap":           {"overlap": "5"},
		"timeout":           {"timeout": "0s"},
		"scopes":            {"scopes": []any{}},
		"salesorder_scopes": {"salesorder_scopes": []any{"visma.net.erp.salesorder:write"}},
	} {
		problems := New().Validate(good(more))
		if attribute == "" && len(problems) == 0 {
			continue
		}
		if len(problems) != 1 || problems[0].GetAttribute() != attribute {
			t.Errorf("%s: %v", attribute, problems)
		}
	}
	if _, err := New().Open(t.Context(), "x", good(sdk.Config{"tenant_id": ""}), nil); failureOf(t, err).Field != "tenant_id" {
		t.Error(err)
	}
}
