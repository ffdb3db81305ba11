package sdk

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
)

// guarded is a system whose access tokens last an hour, and whose refresh tokens can be used once.
type guarded struct {
	*httptest.Server
	mu      sync.Mutex
	given   int
	good    string // access token
	refresh string
	twice   int // refresh tokens that came again
	fail    int // status of the next tokens, 0 = none
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{refresh: "refresh-0"}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if r.URL.Path != "/token" {
			if r.Header.Get("Authorization") != "Bearer "+g.good {
				w.WriteHeader(401)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		id, secret, _ := r.BasicAuth()
		switch {
		case g.fail != 0:
			w.WriteHeader(g.fail)
		case id != "kopru" || secret != "s3cret":
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "not %s"}`, secret)
		case r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") != g.refresh:
			g.twice++
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error": "invalid_grant"}`)
		default:
			g.given++
			g.good, g.refresh = fmt.Sprintf("access-%d", g.given), fmt.Sprintf("refresh-%d", g.given)
			fmt.Fprintf(w, `{"access_token": %q, "refresh_token": %q, "expires_in": 3600}`, g.good, g.refresh)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *guarded) caller(o *OAuth2) (*HTTP, func(*testing.T) error) {
	o.TokenURL, o.ClientID = g.URL+"/token", "kopru"
	if o.ClientSecret == "" {
		o.ClientSecret = "s3cret"
	}
	h := &HTTP{System: "shop", OAuth2: o}
	return h, func(t *testing.T) error {
		_, err := h.Do(t.Context(), HTTPRequest{Method: "GET", URL: g.URL + "/things"})
		return err
	}
}

func TestOAuth2Renews(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	h, call := g.caller(&OAuth2{})
	begun := time.Now()
	now := begun
	h.Now = func() time.Time { return now }
	tokens := func(want int, what string) {
		t.Helper()
		if err := call(t); err != nil || g.given != want {
			t.Errorf("%s: %d tokens, want %d: %v", what, g.given, want, err)
		}
	}
	tokens(1, "the first call")
	tokens(1, "the second")
	now = begun.Add(59*time.Minute + time.Second)
	tokens(2, "a minute before it ends")
	g.good = "revoked"
	tokens(3, "one that was refused")
	g.fail, now = 503, begun.Add(119*time.Minute)
	if err := call(t); err != nil {
		t.Errorf("while no token is given, the old one does: %v", err)
	}
	now = begun.Add(3 * time.Hour)
	if f := failureOf(t, call(t)); f.Class != isTransient {
		t.Errorf("when it has ended: %v", f)
	}
	g.fail, g.refresh = 0, ""
	p := pool.New()
	for range 8 {
		p.Go(func() { _ = call(t) })
	}
	p.Wait()
	tokens(4, "eight calls at once")
}

func TestOAuth2Refused(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	_, call := g.caller(&OAuth2{ClientSecret: "wr0ng & secret"})
	f := failureOf(t, call(t))
	if f.Class != isAuth || f.Code != "shop.token_refused" || strings.Contains(f.Error(), "wr0ng") {
		t.Errorf("%+v", f)
	}
	g.Close()
	if f := failureOf(t, call(t)); f.Class != isTransient {
		t.Errorf("%+v", f)
	}
}

// TestOAuth2KeepsTheNewRefreshToken: processes that follow each other, and that run side by side, never use one twice.
func TestOAuth2KeepsTheNewRefreshToken(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	file := filepath.Join(t.TempDir(), "token.json")
	process := func() func(*testing.T) error {
		_, call := g.caller(&OAuth2{RefreshToken: "refresh-0", File: file})
		return call
	}
	for range 3 {
		if err := process()(t); err != nil {
			t.Fatal(err)
		}
	}
	p := pool.New()
	for range 4 {
		call := process()
		p.Go(func() {
			if err := call(t); err != nil && failureOf(t, err).RemoteStatus != 401 { // another was given a newer one meanwhile
				t.Error(err)
			}
		})
	}
	p.Wait()
	if g.twice != 0 || g.given < 7 {
		t.Errorf("%d tokens were given, %d refresh tokens came twice", g.given, g.twice)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	_, renewed := g.caller(&OAuth2{RefreshToken: "refresh-of-a-new-consent", File: file})
	if g.refresh = "refresh-of-a-new-consent"; renewed(t) != nil {
		t.Error("a refresh token that was configured anew does not count")
	}
	_, nowhere := g.caller(&OAuth2{RefreshToken: g.refresh, File: filepath.Join(file, "no", "folder")})
	if f := failureOf(t, nowhere(t)); f.Class != isFatal || f.Code != "shop.token_file" {
		t.Errorf("%+v", f)
	}
}
