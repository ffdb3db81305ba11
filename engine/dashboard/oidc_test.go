package dashboard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
)

const oidcSecret = "the-client's secret/+"

// issuer is an identity provider that takes only what is right, and answers as the test says.
type issuer struct {
	*httptest.Server
	t   *testing.T
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	away    bool
	asked   map[string]url.Values // by code: how a login was asked for
	claims  map[string]any        // of the person, in place of the usual ones; nil takes one out
	page    map[string]any        // what the page about the person says, nil = there is none
	forge   func(claims map[string]any) string
	refuses string
	ended   url.Values // how somebody left
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, key: key, asked: map[string]url.Values{}}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.away {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		about := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"end_session_endpoint": i.URL + "/end", "id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"},
		}
		if i.page != nil {
			about["userinfo_endpoint"] = i.URL + "/person"
		}
		answer(about)
	case "/keys":
		answer(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
	case "/authorize":
		q := r.URL.Query()
		back, err := url.Parse(q.Get("redirect_uri"))
		if err != nil || q.Get("client_id") != "kopru" || q.Get("response_type") != "code" || !strings.Contains(q.Get("scope"), "openid") ||
			q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || len(q.Get("state")) < 20 {
			i.t.Errorf("a login is asked for with %v", q)
		}
		code := rand.Text()
		i.asked[code] = q
		answer := url.Values{"code": {code}, "state": {q.Get("state")}}
		if i.refuses != "" {
			answer = url.Values{"error": {i.refuses}, "error_description": {"call +1 555 0100"}, "state": {q.Get("state")}}
		}
		back.RawQuery = answer.Encode()
		http.Redirect(w, r, back.String(), http.StatusFound)
	case "/token":
		asked := i.asked[r.PostFormValue("code")]
		delete(i.asked, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		name, secret, _ := r.BasicAuth()
		if secret, _ = url.QueryUnescape(secret); asked == nil || name != "kopru" || secret != oidcSecret ||
			asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			answer(map[string]any{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": i.URL, "aud": "kopru", "sub": "u-1", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
			"email": "Ada@example.com", "email_verified": true, "groups": []string{"staff", "kopru-ops"},
		}
		for name, value := range i.claims {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		forge := i.forge
		if forge == nil {
			forge = func(claims map[string]any) string { return i.sign(jose.ES256, i.key, claims) }
		}
		answer(map[string]any{"access_token": "access-" + rand.Text(), "token_type": "Bearer", "id_token": forge(claims)})
	case "/person":
		answer(i.page)
	case "/end":
		i.ended = r.URL.Query()
		fmt.Fprint(w, "You have left.")
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) sign(how jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: how, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, nil)
	if err != nil {
		i.t.Error(err)
		return ""
	}
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(text)
	if err != nil {
		i.t.Error(err)
		return ""
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		i.t.Error(err)
	}
	return compact
}

// newOIDCShop is a shop whose people log in with an issuer; more is what the block says beside the usual.
func newOIDCShop(t *testing.T, i *issuer, more string) *shop {
	t.Helper()
	s := newShop(t)
	s.provider(i, more)
	return s
}

func (s *shop) provider(i *issuer, more string) {
	s.t.Helper()
	s.write("engine.hcl", fmt.Sprintf(`
engine {
  oidc {
    issuer        = %q
    client_id     = "kopru"
    client_secret = %q
    name          = "Corner ID"
    roles         = { operator = ["kopru-ops"], admin = ["kopru-admins"] }
    %s
  }
}
`, i.URL, oidcSecret, more))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.project = nil
}

// cookiesOf are those that an answer sets, as a browser sends them.
func cookiesOf(h http.Header) string {
	var out []string
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.MaxAge >= 0 {
			out = append(out, c.Name+"="+c.Value)
		}
	}
	return strings.Join(out, "; ")
}

// leave goes to the provider, and is sent back: to where, with which cookie.
func (s *shop) leave(next string) (back, cookie string) {
	s.t.Helper()
	status, body, header := s.ask("GET", "/login/oidc?next="+url.QueryEscape(next), "")
	if status != http.StatusSeeOther {
		s.t.Fatalf("%d %s", status, body)
	}
	cookie = cookiesOf(header)
	contains(s.t, header.Get("Set-Cookie"), "HttpOnly", "SameSite=Lax", "Path=/login/oidc", "Max-Age=600")
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", header.Get("Location"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimPrefix(resp.Header.Get("Location"), s.server.URL), cookie
}

// come goes the whole way.
func (s *shop) come(next string) (status int, body string, header http.Header) {
	s.t.Helper()
	back, cookie := s.leave(next)
	return s.ask("GET", back, "", "Cookie", cookie)
}

// TestOIDCLogin: somebody comes in by the provider, does what their role allows, is named in the audit log, and leaves.
func TestOIDCLogin(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := newOIDCShop(t, i, "")
	s.books.order("A-1", `"total":1,"email":"a@example.test"`)
	if status, _, header := s.ask("GET", "/activity?q=1", ""); status != http.StatusSeeOther || header.Get("Location") != "/login?next=%2Factivity%3Fq%3D1" {
		t.Fatalf("without a login: %d %v", status, header)
	}
	contains(t, s.get("/login?next=%2Factivity%3Fq%3D1"), `href="/login/oidc?next=%2factivity%3fq%3d1"`, "Log in with Corner ID", `type="password"`)
	contains(t, s.get("/login", "Accept-Language", "tr"), "Corner ID ile giriş yap")
	status, body, header := s.come("/activity?q=1")
	if status != http.StatusSeeOther || header.Get("Location") != "/activity?q=1" {
		t.Fatalf("%d %v %s", status, header, body)
	}
	var session string
	for _, c := range (&http.Response{Header: header}).Cookies() {
		switch {
		case c.Name == "kopru_session":
			session = c.Name + "=" + c.Value
			contains(t, c.Raw, "HttpOnly", "SameSite=Lax", "Path=/;")
		case c.Name == "kopru_oidc" && c.MaxAge >= 0:
			t.Error("the try outlives the login")
		case c.Name == "kopru_hint":
			contains(t, c.Raw, "HttpOnly", "SameSite=Strict", "Path=/logout;")
		}
	}
	contains(t, s.get("/", "Cookie", session), "ada@example.com (OIDC) · operator")
	status, _, _ = s.ask("POST", "/pipelines/orders/run", "", "Cookie", session)
	if status != http.StatusSeeOther {
		t.Errorf("an operator runs: %d", status)
	}
	if status, _, _ = s.ask("PUT", "/api/v1/settings/copies", `{"value":"3"}`, "Cookie", session); status != http.StatusForbidden {
		t.Errorf("an operator changes a setting: %d", status)
	}
	deeds, err := s.store.Deeds(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, d := range deeds {
		fmt.Fprintln(&told, d.Who, d.Action, d.What)
	}
	contains(t, told.String(), "ada@example.com (OIDC) run now orders", "ada@example.com (OIDC) login 127.0.0.1, as operator, by "+i.URL+" as u-1")
	status, body, header = s.ask("POST", "/logout", "", "Cookie", cookiesOf(header))
	contains(t, body, "You are taken to Corner ID")
	where, err := url.Parse(strings.TrimPrefix(header.Get("Refresh"), "0; url="))
	if err != nil || status != http.StatusOK || !strings.HasPrefix(where.String(), i.URL+"/end?") {
		t.Fatalf("%d %v", status, header)
	}
	q := where.Query()
	if q.Get("client_id") != "kopru" || q.Get("post_logout_redirect_uri") != s.server.URL+"/login" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
		t.Errorf("%v", q)
	}
	if status, _, _ = s.ask("GET", "/", "", "Cookie", session); status != http.StatusSeeOther {
		t.Errorf("the session outlived the logout: %d", status)
	}
}

// TestOIDCRefuses what a provider must not say, and what somebody may have made up.
func TestOIDCRefuses(t *testing.T) {
	t.Parallel()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := newIssuer(t)
	s := newOIDCShop(t, i, "domains = [\"example.com\", \"@Example.org\"]\nemails = [\"kim@else.test\"]")
	unsigned := func(claims map[string]any) string {
		text, _ := json.Marshal(claims)
		enc := base64.RawURLEncoding.EncodeToString
		return enc([]byte(`{"alg":"none"}`)) + "." + enc(text) + "."
	}
	public, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const untrusted, elsewhere = "be trusted", "begun elsewhere"
	for name, c := range map[string]struct {
		claims map[string]any
		forge  func(map[string]any) string
		want   string // what is told, "" = come in
	}{
		"nothing":                    {want: ""},
		"another nonce":              {claims: map[string]any{"nonce": "n"}, want: untrusted},
		"no nonce":                   {claims: map[string]any{"nonce": nil}, want: untrusted},
		"another audience":           {claims: map[string]any{"aud": "other"}, want: untrusted},
		"two audiences":              {claims: map[string]any{"aud": []string{"other", "kopru"}}, want: untrusted},
		"two, made for this one":     {claims: map[string]any{"aud": []string{"other", "kopru"}, "azp": "kopru"}},
		"made for another":           {claims: map[string]any{"azp": "other"}, want: untrusted},
		"expired":                    {claims: map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}, want: untrusted},
		"a clock that is behind":     {claims: map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()}},
		"not yet":                    {claims: map[string]any{"nbf": time.Now().Add(10 * time.Minute).Unix()}, want: untrusted},
		"a clock that is ahead":      {claims: map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}},
		"another issuer":             {claims: map[string]any{"iss": "https://evil.test"}, want: untrusted},
		"nobody":                     {claims: map[string]any{"sub": nil}, want: untrusted},
		"another access token":       {claims: map[string]any{"at_hash": "wrong"}, want: untrusted},
		"unsigned":                   {forge: unsigned, want: untrusted},
		"another key":                {forge: func(c map[string]any) string { return i.sign(jose.ES256, other, c) }, want: untrusted},
		"its public key as a secret": {forge: func(c map[string]any) string { return i.sign(jose.HS256, public, c) }, want: untrusted},
		"the secret as the key":      {forge: func(c map[string]any) string { return i.sign(jose.HS256, []byte(oidcSecret+oidcSecret), c) }, want: untrusted},
		"no token":                   {forge: func(map[string]any) string { return "" }, want: untrusted},
		"no role":                    {claims: map[string]any{"groups": []string{"staff"}}, want: "no role"},
		"no groups":                  {claims: map[string]any{"groups": nil}, want: "no role"},
		"a role by its name":         {claims: map[string]any{"groups": []string{"admin"}}, want: "no role"},
		"groups of another kind":     {claims: map[string]any{"groups": []any{1, true, nil, []string{"kopru-ops"}}}, want: "no role"},
		"another domain":             {claims: map[string]any{"email": "ada@example.com.evil.test"}, want: "not among those"},
		"a domain before the last":   {claims: map[string]any{"email": "ada@example.com@evil.test"}, want: "not among those"},
		"not verified":               {claims: map[string]any{"email_verified": false}, want: "not among those"},
		"verified is not told":       {claims: map[string]any{"email_verified": nil}, want: "not among those"},
		"no address":                 {claims: map[string]any{"email": nil}, want: "not among those"},
		"the other domain":           {claims: map[string]any{"email": "ada@EXAMPLE.org"}},
		"an address":                 {claims: map[string]any{"email": "kim@else.test", "email_verified": "true"}},
	} {
		i.mu.Lock()
		i.claims, i.forge = c.claims, c.forge
		i.mu.Unlock()
		status, body, header := s.come("/")
		in := strings.Contains(strings.Join(header.Values("Set-Cookie"), "\n"), "kopru_session")
		if in != (c.want == "") || !strings.Contains(strings.ReplaceAll(body, "&#39;", "'"), c.want) || in == (status >= 400) {
			t.Errorf("%s: %d, in: %v\n%s", name, status, in, body)
		}
		s.restart() // so that the tries of one address are not counted together
	}
	i.claims, i.forge = nil, nil
	back, cookie := s.leave("/")
	refused := func(what, path, cookie string) {
		t.Helper()
		if status, body, header := s.ask("GET", path, "", "Cookie", cookie); status != http.StatusBadRequest || !strings.Contains(body, elsewhere) ||
			strings.Contains(strings.Join(header.Values("Set-Cookie"), "\n"), "kopru_session") {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	refused("another browser", back, "")
	refused("another state", strings.Replace(back, "state=", "state=x", 1), cookie)
	refused("no state", "/login/oidc/callback?code=x", cookie)
	refused("a cookie that is none", back, "kopru_oidc=e30")
	if status, _, _ := s.ask("GET", back, "", "Cookie", cookie); status != http.StatusSeeOther {
		t.Errorf("as it should be: %d", status)
	}
	refused("the same once more", back, cookie)
	first, cookie := s.leave("/")
	second, _ := s.leave("/")
	code := func(back string) string { u, _ := url.Parse(back); return u.Query().Get("code") }
	status, body, _ := s.ask("GET", strings.Replace(first, code(first), code(second), 1), "", "Cookie", cookie)
	if status != http.StatusUnauthorized {
		t.Errorf("the code of another login: %d %s", status, body)
	}
	i.refuses = "access_denied"
	if status, body, _ = s.come("/"); status != http.StatusForbidden || strings.Contains(body, "555") {
		t.Errorf("refused by the provider: %d %s", status, body)
	}
}

// TestOIDCLeadsNowhereElse: no address of another site gets in as the place to go to.
func TestOIDCLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := newOIDCShop(t, newIssuer(t), "")
	for _, next := range []string{
		"https://evil.test", "//evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "/\n/evil.test", "javascript:alert(1)", "evil.test", "///evil.test", "",
	} {
		if status, body, header := s.come(next); status != http.StatusSeeOther || header.Get("Location") != "/" {
			t.Errorf("%q: %d %q %s", next, status, header.Get("Location"), body)
		}
		s.restart()
	}
	// Whoever forges the cookie gains nothing either.
	back, cookie := s.leave("/")
	text, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(cookie, "kopru_oidc="))
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), `"Next":"/"`, `"Next":"//evil.test"`, 1)))
	if _, _, header := s.ask("GET", back, "", "Cookie", "kopru_oidc="+forged); header.Get("Location") != "/" {
		t.Errorf("%v", header)
	}
}

// TestOIDCAway: while the provider is away all else works, and the login page says so.
func TestOIDCAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.away = true
	s := newOIDCShop(t, i, "")
	contains(t, s.get("/login"), "Log in with Corner ID")
	status, body, _ := s.ask("GET", "/login/oidc", "", "Accept-Language", "nl")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "Corner ID is nu niet bereikbaar") || !strings.Contains(body, `type="password"`) {
		t.Errorf("%d %s", status, body)
	}
	i.mu.Lock()
	i.away = false
	i.mu.Unlock()
	if status, _, _ := s.come("/"); status != http.StatusSeeOther {
		t.Errorf("back again: %d", status)
	}
}

// TestOIDCSettings: roles from elsewhere, users kept here beside or not, and what a change of the settings does.
func TestOIDCSettings(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := newOIDCShop(t, i, "")
	hash, err := dashboard.HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.PutUser(t.Context(), state.User{Name: "ada@example.com", Role: "admin", Password: hash, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	password := "name=ada%40example.com&password=correct+horse"
	status, _, header := s.ask("POST", "/login", password)
	if status != http.StatusSeeOther {
		t.Fatalf("a user kept here: %d", status)
	}
	kept := cookiesOf(header)
	contains(t, s.get("/", "Cookie", kept), "ada@example.com · admin")
	role := func(want string) (session string) {
		t.Helper()
		s.restart()
		status, body, header := s.come("/")
		if status != http.StatusSeeOther {
			t.Fatalf("%d %s", status, body)
		}
		session = cookiesOf(header)
		contains(t, s.get("/", "Cookie", session), "(OIDC) · "+want)
		return session
	}
	session := role("operator") // not that of the user of the same name
	// With other roles everybody is judged anew.
	s.provider(i, "passwords = false\nclaim = \"realm_access.roles\"\nscopes = [\"email\"]")
	for what, cookie := range map[string]string{"of before": session, "of a password": kept} {
		if status, _, _ := s.ask("GET", "/", "", "Cookie", cookie); status != http.StatusSeeOther {
			t.Errorf("a session %s is good: %d", what, status)
		}
	}
	if status, body, _ := s.ask("POST", "/login", password); status != http.StatusForbidden || !strings.Contains(body, "log in with Corner ID") || strings.Contains(body, `type="password"`) {
		t.Errorf("a password where none is wanted: %d %s", status, body)
	}
	i.claims = map[string]any{"realm_access": map[string]any{"roles": []string{"kopru-admins", "kopru-ops"}}}
	session = role("admin")
	if removed, err := s.store.RemoveUser(t.Context(), "ada@example.com"); err != nil || !removed {
		t.Fatal(removed, err)
	}
	if status, _, _ := s.ask("GET", "/", "", "Cookie", session); status != http.StatusSeeOther {
		t.Errorf("somebody who was removed is in: %d", status)
	}
	// What the token lacks stands on the provider's page.
	i.claims, i.page = map[string]any{"groups": nil}, map[string]any{"sub": "u-1", "groups": "kopru-ops"}
	s.provider(i, "")
	role("operator")
	i.page["sub"] = "u-2"
	s.restart()
	if status, _, _ := s.come("/"); status != http.StatusUnauthorized {
		t.Errorf("the page of somebody else: %d", status)
	}
	i.claims, i.page = map[string]any{"groups": nil, "email": nil, "preferred_username": "ada\u202e\n" + strings.Repeat("x", 200)}, nil
	s.provider(i, "domains = []")
	s.write("engine.hcl", strings.ReplaceAll(s.read("engine.hcl"), `admin = [`, `viewer = ["*"], admin = [`))
	s.mu.Lock()
	s.project = nil
	s.mu.Unlock()
	role("viewer")
}

// TestSomebodyLogsIn by the provider, in a browser, and leaves both.
func TestSomebodyLogsIn(t *testing.T) {
	i := newIssuer(t)
	s := newOIDCShop(t, i, "")
	b := newBrowser(t, s)
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{{"desk", "light", 1280, 900}, {"desk-dark", "dark", 1280, 900}, {"phone-light", "light", 390, 844}, {"phone", "dark", 390, 844}} {
		b.device(look.scheme, look.width, look.height)
		b.open("/activity")
		b.shows("Log in with Corner ID")
		b.judge("the login on " + look.name)
		b.keep("login-oidc-" + look.name)
	}
	b.device("light", 1280, 900)
	b.press("Log in with Corner ID")
	b.shows("ada@example.com (OIDC)")
	if at := evaluate[string](b, "location.pathname"); at != "/activity" {
		t.Errorf("led to %s", at)
	}
	evaluate[bool](b, `document.querySelector('form[action="/logout"] button').click(); true`)
	b.shows("You have left.")
	i.mu.Lock()
	if strings.Count(i.ended.Get("id_token_hint"), ".") != 2 || i.ended.Get("post_logout_redirect_uri") != s.server.URL+"/login" {
		t.Errorf("left with %v", i.ended)
	}
	i.mu.Unlock()
	b.open("/activity")
	b.shows("Log in with Corner ID")
	i.mu.Lock()
	i.away = true
	i.mu.Unlock()
	s.restart()
	b.press("Log in with Corner ID")
	b.shows("can't be reached right now")
	b.judge("a login that does not work")
	b.keep("login-oidc-away")
}
