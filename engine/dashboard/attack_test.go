package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
)

// hostile is a key that a customer may give, which closes whatever it stands in.
const hostile = `'"></script></textarea><img src=x onerror=alert(1)><b hx-get="/x" hx-trigger="load">{{.}}`

// TestRecordsAreNoPages: what a record holds stays a text on every page, whole or in part.
func TestRecordsAreNoPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	quoted := strings.ReplaceAll(hostile, `"`, `\"`)
	s.books.mu.Lock()
	s.books.feed = nil
	s.books.mu.Unlock()
	s.books.order(quoted, `"total":1`)
	for _, r := range s.books.feed {
		r.Key = hostile
	}
	s.books.order("A-2", `"total":"`+quoted+`","email":"`+quoted+`"`)
	s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
	s.ask("PUT", "/api/v1/settings/shop", `{"value":"`+quoted+`"}`)
	if err := s.store.PutHalt(t.Context(), state.Halt{Pipeline: "orders", At: time.Now(), Who: hostile}); err != nil {
		t.Fatal(err)
	}
	key, seen := url.QueryEscape(hostile), 0
	for _, path := range []string{
		"/", "/pipelines/orders", "/activity", "/activity?q=" + key, "/activity?code=" + key, "/live", "/record?pipeline=orders&key=" + key,
		"/record?pipeline=orders&key=A-2", "/record?pipeline=" + key + "&key=" + key, "/failures", "/failures/1", "/failures/1?from=" + key,
		"/failures/group?pipeline=" + key + "&step=" + key + "&code=" + key + "&status=dead", "/failures/group?pipeline=orders&step=sale&code=books.total&status=dead",
		"/settings", "/nodes", "/reconciliation?name=" + key, "/login?next=" + key, "/pipelines/" + url.PathEscape(hostile), "/pipelines/orders/plan?key=" + key,
	} {
		for _, fragment := range []string{"", "true"} {
			_, body, header := s.ask("GET", path, "", "HX-Request", fragment)
			if strings.Contains(body, "<img src=x") || strings.Contains(body, "<b hx-get") {
				t.Errorf("%s takes a record for a page", path)
			}
			if strings.Contains(body, "&lt;img src=x") {
				seen++
			}
			for name := range header {
				if strings.HasPrefix(name, "Hx-") {
					t.Errorf("%s answers %s: %q", path, name, header[name])
				}
			}
		}
	}
	if seen < 12 {
		t.Errorf("it stands on %d pages only", seen)
	}
}

// TestNobodyGoesRound the login, the roles and the folders.
func TestNobodyGoesRound(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sell()
	hash, err := dashboard.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/assets/../kopru.vars.hcl", "/assets/%2e%2e/dashboard.go", "/assets/..%2f..%2fstate.db", "/assets/", "/assets", "/assets/lang"} {
		if status, body, _ := s.ask("GET", path, ""); status == http.StatusOK && !strings.HasPrefix(body, "<pre>") {
			t.Errorf("%s: %d %.80s", path, status, body)
		}
	}
	ask := func(headers ...string) int {
		t.Helper()
		status, _, _ := s.ask("GET", "/api/v1/overview", "", headers...)
		return status
	}
	// Without users it is for this machine: not for a proxy, nor for another site.
	for _, c := range [][]string{
		{"X-Forwarded-For", "203.0.113.7"},
		{"Forwarded", "for=203.0.113.7"},
		{"X-Real-IP", "203.0.113.7"},
		{"Via", "1.1 proxy"},
		{"X-Forwarded-Host", "kopru.example.com"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
	} {
		if status := ask(c...); status != http.StatusForbidden {
			t.Errorf("%q: %d", c, status)
		}
	}
	if status := ask("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); status != http.StatusOK {
		t.Errorf("a link in a mail: %d", status)
	}
	handler, err := dashboard.New(s.engine)
	if err != nil {
		t.Fatal(err)
	}
	far := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/v1/overview", nil)
	far.RemoteAddr = "203.0.113.7:4000"
	answer := httptest.NewRecorder()
	if handler.ServeHTTP(answer, far); answer.Code != http.StatusForbidden {
		t.Errorf("another machine that asks for localhost: %d", answer.Code)
	}

	if err := s.store.PutUser(t.Context(), state.User{Name: "ada", Role: "viewer", Password: hash, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.restart()
	for _, path := range []string{"/assets/../api/v1/overview", "/assets/%2e%2e/api/v1/overview", "/login/../activity", "/login/oidc/../../nodes", "//nodes", "/healthz/../metrics"} {
		if status, body, _ := s.ask("GET", path, ""); status == http.StatusOK || strings.Contains(body, "orders") {
			t.Errorf("%s without a login: %d", path, status)
		}
	}
	// What a session shows is no token, and the other way round.
	_, _, header := s.ask("POST", "/login", "name=ada&password=correct+horse")
	session := strings.TrimPrefix(cookiesOf(header), "kopru_session=")
	token := dashboard.NewToken()
	if err := s.store.PutPass(t.Context(), state.Pass{Kind: state.KindToken, Name: "ci", Role: "admin", At: time.Now()}, token); err != nil {
		t.Fatal(err)
	}
	for what, headers := range map[string][]string{
		"a session as a token": {"Authorization", "Bearer " + session}, "a token as a session": {"Cookie", "kopru_session=" + token},
		"no token": {"Authorization", "Bearer "}, "an empty session": {"Cookie", "kopru_session="}, "both, the token wrong": {"Authorization", "Bearer x", "Cookie", "kopru_session=" + session},
		"a session of the secure name": {"Cookie", "__Host-kopru_session=" + session},
	} {
		if status := ask(headers...); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", what, status)
		}
	}
	if len(token) < 30 {
		t.Errorf("%q can be guessed", token)
	}
}

// TestSessions: the cookie is Secure wherever TLS is, a login ends the session before it, and none can be planted.
func TestSessions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	hash, err := dashboard.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.PutUser(t.Context(), state.User{Name: "ada", Role: "viewer", Password: hash, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	const right = "name=ada&password=correct+horse"
	_, _, header := s.ask("POST", "/login", right, "X-Forwarded-Proto", "https")
	contains(t, header.Get("Set-Cookie"), "__Host-kopru_session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/;")
	if status, _, _ := s.ask("GET", "/", "", "Cookie", cookiesOf(header), "X-Forwarded-Proto", "https"); status != http.StatusOK {
		t.Errorf("behind a proxy: %d", status)
	}
	_, _, header = s.ask("POST", "/login", right, "Cookie", "kopru_session=planted")
	first := cookiesOf(header)
	if strings.Contains(first, "planted") || !strings.HasPrefix(first, "kopru_session=") || strings.Contains(header.Get("Set-Cookie"), "Secure") {
		t.Errorf("%v", header)
	}
	_, _, header = s.ask("POST", "/login", right, "Cookie", first)
	for cookie, want := range map[string]int{first: http.StatusSeeOther, cookiesOf(header): http.StatusOK} {
		if status, _, _ := s.ask("GET", "/", "", "Cookie", cookie); status != want {
			t.Errorf("%s: %d, want %d", cookie, status, want)
		}
	}
	if _, _, header := s.ask("POST", "/language", "language=nl", "Cookie", cookiesOf(header), "Referer", "http://x//evil.test/"); header.Get("Location") != "/" {
		t.Errorf("led to %q", header.Get("Location"))
	}
	status, _, _ := s.ask("POST", "/login", "name=ada&password="+strings.Repeat("x", 1<<20))
	if status != http.StatusUnauthorized { // it was not read
		t.Errorf("a password of a megabyte: %d", status)
	}
}

// TestGuessing: an address has few tries, whatever names it tries and whatever it says of itself; others have theirs.
func TestGuessing(t *testing.T) {
	t.Parallel()
	s := newOIDCShop(t, newIssuer(t), "")
	try := func(headers ...string) int {
		t.Helper()
		status, _, _ := s.ask("GET", "/login/oidc/callback?state=x&code=y", "", headers...)
		return status
	}
	tries := func(headers func(n int) []string) (n int) {
		for n = 0; n < 40 && try(headers(n)...) != http.StatusTooManyRequests; n++ {
		}
		return n
	}
	if n := tries(func(int) []string { return nil }); n > 11 {
		t.Errorf("%d tries", n)
	}
	if n := tries(func(n int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("198.51.100.%d, 203.0.113.7", n)} }); n > 11 || n < 5 {
		t.Errorf("through a proxy, with made-up addresses before its own: %d tries", n)
	}
	if n := tries(func(n int) []string { return []string{"X-Forwarded-For", fmt.Sprintf("2001:db8::%d", n)} }); n > 11 || n < 5 {
		t.Errorf("by all the addresses of a network: %d tries", n)
	}
}

// TestExhaustion: neither slow requests nor many watchers take the engine's means.
func TestExhaustion(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watching := 0
	for range 25 {
		req, err := http.NewRequestWithContext(ctx, "GET", s.server.URL+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		short, stop := context.WithTimeout(ctx, 5*time.Second)
		got := make(chan int, 1)
		go func() {
			resp, err := s.client.Do(req)
			if err != nil {
				got <- 0
				return
			}
			got <- resp.StatusCode
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}()
		select {
		case status := <-got:
			if status == http.StatusOK {
				watching++
			} else if status != http.StatusTooManyRequests {
				t.Errorf("%d", status)
			}
		case <-short.Done():
			t.Fatal("no answer")
		}
		stop()
	}
	if watching != 20 {
		t.Errorf("%d watch", watching)
	}
	big := strings.Repeat("x", 5<<20)
	if status, _, _ := s.ask("POST", "/api/v1/letters/discard", `{"ids":[1],"reason":"`+big+`"}`); status < 400 || status >= 500 {
		t.Errorf("a body of five megabytes: %d", status)
	}
	if status, _, _ := s.ask("POST", "/api/v1/letters/replay", `{"ids":[1],"record":`+strings.Repeat("[", 1<<20)+`}`); status < 400 || status >= 500 {
		t.Errorf("a million brackets: %d", status)
	}
}
