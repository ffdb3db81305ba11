package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// letters serves a to g in pages of three, in every style; where the key is wanted, it is.
func letters(t *testing.T) *httptest.Server {
	all := []string{"a", "b", "c", "d", "e", "f", "g"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("key") != "s3cret" {
			t.Errorf("%s came without the key", r.URL)
		}
		at, _ := strconv.Atoi(q.Get("at"))
		if r.URL.Path == "/page" {
			n, _ := strconv.Atoi(q.Get("n"))
			at = (n - 1) * 3
		}
		at = min(at, len(all))
		end := min(at+3, len(all))
		answer := map[string]any{"letters": all[at:end], "more": end < len(all)}
		if q.Set("at", strconv.Itoa(end)); end < len(all) {
			answer["next"], answer["address"] = end, "http://"+r.Host+r.URL.Path+"?"+q.Encode()
			w.Header().Add("Link", `</first>; rel=first, <`+r.URL.Path+`?`+q.Encode()+`>; title="a, b"; rel="last next"`)
		}
		switch r.URL.Path {
		case "/stuck":
			answer["letters"] = all[:3]
		case "/circle":
			answer["letters"], answer["next"] = all[at:at+1], (at+1)%3
		case "/abroad":
			answer["address"] = "https://elsewhere.example/steal"
		case "/none":
			answer = map[string]any{"error": "not today"}
		case "/null":
			answer["letters"] = nil
		case "/page-of-a-proxy":
			_, _ = w.Write([]byte("<html><title>Please log in</title>"))
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestPages(t *testing.T) {
	t.Parallel()
	server := letters(t)
	h := &HTTP{System: "shop", RedactQuery: []string{"key"}, Secrets: []string{"s3cret"}}
	walk := func(path string, p Pages, at string) (letters string, nexts []string, err error) {
		p.Items = "letters"
		err = h.Walk(t.Context(), HTTPRequest{URL: server.URL + path + "?key=s3cret"}, p, at, func(p Page) error {
			for _, r := range p.Records {
				letters += strings.Trim(string(r), `"`)
			}
			nexts = append(nexts, p.Next)
			return nil
		})
		return letters, nexts, err
	}
	styles := map[string]Pages{
		"/page":   {Style: PageNumber, Parameter: "n", First: 1},
		"/offset": {Style: PageOffset, Parameter: "at"},
		"/cursor": {Style: PageCursor, Parameter: "at", Next: "next"},
		"/more":   {Style: PageOffset, Parameter: "at", More: "more"},
		"/link":   {Style: PageLink},
		"/next":   {Style: PageAddress, Next: "address"},
	}
	for path, p := range styles {
		got, nexts, err := walk(path, p, "")
		if got != "abcdefg" || err != nil {
			t.Errorf("%s gives %q, %v", path, got, err)
		}
		for i, next := range nexts {
			if strings.Contains(next, "s3cret") {
				t.Errorf("%s: the secret is in the place %s", path, next)
			}
			if rest, _, err := walk(path, p, next); next != "" && rest != "abcdefg"[min(3*(i+1), 7):] || err != nil {
				t.Errorf("%s from %q gives %q, %v", path, next, rest, err)
			}
		}
	}
	if got, _, err := walk("/whole", Pages{}, ""); got != "abc" || err != nil {
		t.Errorf("one page gives %q, %v", got, err)
	}
	if got, _, err := walk("/null", Pages{}, ""); got != "" || err != nil {
		t.Errorf("a list that is null gives %q, %v", got, err)
	}
	for path, code := range map[string]string{
		"/stuck": "shop.pages_repeat", "/circle": "shop.pages_repeat", "/abroad": "shop.foreign_page", "/none": "shop.no_list",
		"/page-of-a-proxy": "shop.bad_answer",
	} {
		p := Pages{Style: PageCursor, Parameter: "at", Next: "next"}
		if path == "/abroad" {
			p = styles["/next"]
		}
		if _, _, err := walk(path, p, ""); failureOf(t, err).Code != code {
			t.Errorf("%s: %v, want %s", path, err, code)
		}
	}
	if _, _, err := walk("/offset", styles["/offset"], "far"); failureOf(t, err).Code != "shop.bad_cursor" {
		t.Error(err)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	for _, c := range []struct {
		status int
		header string
		class  fmt.Stringer
		after  time.Duration
	}{
		{429, "Retry-After: 7", isRate, 7 * time.Second},
		{429, "X-RateLimit-Reset: 30", isRate, 30 * time.Second},
		{429, "X-Rate-Limit-Reset: 1790000010", isRate, 10 * time.Second},
		{429, "RateLimit-Reset: 1790000010500", isRate, 11 * time.Second},
		{429, "X-RateLimit-Reset: 1e300", isRate, 24 * time.Hour},
		{429, "X-RateLimit-Reset: soon", isRate, 0},
		{403, "X-RateLimit-Remaining: 0", isRate, 0},
		{403, "X-RateLimit-Remaining: 9", isAuth, 0},
		{503, "Retry-After: 7", isTransient, 7 * time.Second},
	} {
		name, value, _ := strings.Cut(c.header, ": ")
		header := http.Header{}
		header.Set(name, value)
		h := &HTTP{System: "shop", Now: func() time.Time { return now }}
		f := h.refused(&HTTPResponse{Status: c.status, Header: header}, false)
		if diff := cmp.Diff([]any{c.class.String(), c.after}, []any{f.Class.String(), f.RetryAfter}); diff != "" {
			t.Errorf("%d, %s:\n%s", c.status, c.header, diff)
		}
	}
}
