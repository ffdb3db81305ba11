package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

const (
	oidcPath     = "/login/oidc"
	oidcBack     = "/login/oidc/callback"
	oidcMark     = " (OIDC)"        // after the names of people that a provider vouches for: none is that of a user kept here
	begunFor     = 10 * time.Minute // between going to the provider and coming back
	skew         = time.Minute      // that a provider's clock may be behind
	providerTime = 10 * time.Second
	knownFor     = time.Hour // what a provider says of itself
	longestHint  = 3500      // of a cookie, which a browser keeps up to 4 KiB
)

// provider asks the identity provider. What it says of itself is fetched when somebody first logs in, so that an engine
// starts and works on while it is away.
type provider struct {
	now    func() time.Time
	client *http.Client

	mu      sync.Mutex
	of      string // the settings that found is for
	found   *oidc.Provider
	foundAt time.Time
	used    map[string]time.Time // states that came back, until they are worth nothing anyhow
}

func newProvider(now func() time.Time) *provider {
	return &provider{now: now, client: &http.Client{Timeout: providerTime}, used: map[string]time.Time{}}
}

// oidcKind is the kind of the sessions that a provider began. With other settings they end: who may come in, and as what,
// is judged anew.
func oidcKind(o *pipelines.OIDC) string {
	judged := *o
	judged.ClientSecret, judged.Name, judged.Scopes = "", "", nil
	text, _ := json.Marshal(judged) // which has a form
	sum := sha256.Sum256(text)
	return state.KindOIDC + base64.RawURLEncoding.EncodeToString(sum[:12])
}

func (p *provider) discover(ctx context.Context, o *pipelines.OIDC) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil && p.of == o.Issuer && p.now().Sub(p.foundAt) < knownFor {
		return p.found, nil
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), p.client), providerTime)
	defer cancel()
	found, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		return nil, err
	}
	p.found, p.of, p.foundAt = found, o.Issuer, p.now()
	return found, nil
}

// spend is false when the state has come back before.
func (p *provider) spend(stateText string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for text, until := range p.used {
		if p.now().After(until) {
			delete(p.used, text)
		}
	}
	if _, was := p.used[stateText]; was {
		return false
	}
	p.used[stateText] = p.now().Add(begunFor)
	return true
}

// begun is what a browser keeps while somebody is at the provider.
type begun struct {
	State, Nonce, Verifier, Next string
	Until                        time.Time
}

func (r *room) oauth(req *http.Request, o *pipelines.OIDC, p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), Scopes: o.Scopes, RedirectURL: r.base(req) + oidcBack,
	}
}

// base is where people find the dashboard.
func (r *room) base(req *http.Request) string {
	if said := r.gate.engine().URL; said != "" {
		return said
	}
	if r.gate.secure(req) {
		return "https://" + req.Host
	}
	return "http://" + req.Host
}

func (r *room) oidcCookie(req *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: "kopru_oidc", Value: value, Path: oidcPath, HttpOnly: true, Secure: r.gate.secure(req), SameSite: http.SameSiteLaxMode, MaxAge: seconds,
	}
}

// oidcBegin sends somebody to the provider.
func (r *room) oidcBegin(w http.ResponseWriter, req *http.Request) {
	o := r.gate.engine().OIDC
	if o == nil {
		http.Redirect(w, req, "/login", http.StatusSeeOther)
		return
	}
	next := inside(req.FormValue("next"))
	p, err := r.provider.discover(req.Context(), o)
	if err != nil {
		r.Log.Error("the identity provider can't be asked", "issuer", o.Issuer, "error", err)
		r.loginPage(w, req, next, "", newFault(http.StatusServiceUnavailable, "%s can't be reached right now. Try again in a moment.", o.Name))
		return
	}
	b := begun{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), next, r.now().Add(begunFor)}
	text, err := json.Marshal(b)
	if err != nil {
		r.fail(w, req, err)
		return
	}
	http.SetCookie(w, r.oidcCookie(req, base64.RawURLEncoding.EncodeToString(text), int(begunFor.Seconds())))
	http.Redirect(w, req, r.oauth(req, o, p).AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), http.StatusSeeOther)
}

// oidcReturn lets somebody in whom the provider sent back.
func (r *room) oidcReturn(w http.ResponseWriter, req *http.Request) {
	o := r.gate.engine().OIDC
	if o == nil {
		http.Redirect(w, req, "/login", http.StatusSeeOther)
		return
	}
	address := r.gate.address(req)
	p, next, err := r.oidcPerson(req, o, address)
	http.SetCookie(w, r.oidcCookie(req, "", -1)) // good for one try
	if err != nil {
		var f *fault
		if !errors.As(err, &f) {
			r.Log.Error("an answer of the identity provider was refused", "issuer", o.Issuer, "error", err)
			f = newFault(http.StatusUnauthorized, "What %s answered can't be trusted, so nobody was let in. The log says why.", o.Name)
		}
		r.note(req.Context(), known(p.name), "login refused", address+", by "+o.Issuer+": "+f.Error())
		r.loginPage(w, req, next, "", f)
		return
	}
	now := r.now()
	secret := rand.Text() + rand.Text()
	pass := state.Pass{Kind: oidcKind(o), Name: p.name, Role: string(p.role), At: now, Until: now.Add(sessionTime)}
	if err = r.Store.PutPass(req.Context(), pass, secret); err == nil {
		err = r.endSession(req)
	}
	if err != nil {
		r.fail(w, req, err)
		return
	}
	r.note(req.Context(), known(p.name), "login", fmt.Sprintf("%s, as %s, by %s as %s", address, p.role, o.Issuer, p.subject))
	http.SetCookie(w, r.gate.cookie(req, secret))
	if len(p.hint) <= longestHint {
		http.SetCookie(w, r.hintCookie(req, p.hint, int(sessionTime.Seconds())))
	}
	http.Redirect(w, req, next, http.StatusSeeOther)
}

func known(name string) string {
	if name == "" {
		return "somebody"
	}
	return name + oidcMark
}

// vouched is somebody whom the provider vouches for.
type vouched struct {
	subject, name, hint string
	role                Role
}

func (r *room) oidcPerson(req *http.Request, o *pipelines.OIDC, address string) (out vouched, next string, err error) {
	next = "/"
	if !r.gate.allowed("address " + address) {
		return out, next, newFault(http.StatusTooManyRequests, "Too many tries. Wait a minute, then try again.")
	}
	elsewhere := newFault(http.StatusBadRequest, "This login was begun elsewhere, or too long ago. Begin again.")
	var b begun
	cookie, err := req.Cookie("kopru_oidc")
	if err != nil {
		return out, next, elsewhere
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &b) != nil || b.State == "" || b.Nonce == "" || r.now().After(b.Until) {
		return out, next, elsewhere
	}
	next = inside(b.Next)
	if subtle.ConstantTimeCompare([]byte(b.State), []byte(req.FormValue("state"))) != 1 || !r.provider.spend(b.State) {
		return out, next, elsewhere
	}
	if told := req.FormValue("error"); told != "" {
		r.Log.Warn("the identity provider let somebody not in", "issuer", o.Issuer, "reason", fmt.Sprintf("%.100q", told))
		return out, next, newFault(http.StatusForbidden, "%s did not let you in.", o.Name)
	}
	p, err := r.provider.discover(req.Context(), o)
	if err != nil {
		return out, next, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(req.Context(), r.provider.client), providerTime)
	defer cancel()
	token, err := r.oauth(req, o, p).Exchange(ctx, req.FormValue("code"), oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return out, next, tokenError(err)
	}
	out.hint, _ = token.Extra("id_token").(string)
	claims, err := r.verified(ctx, o, p, token, out.hint, b.Nonce)
	if err != nil {
		return out, next, err
	}
	out.subject, _ = claims["sub"].(string)
	out.name = nameIn(claims)
	out.role, err = admit(o, claims)
	return out, next, err
}

// tokenError says what the provider had against a code, without what it was asked with.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Errorf("it took no code: %.100q", refused.ErrorCode)
	}
	return err
}

// verified are the claims of an ID token that is what it should be, with those of the provider's page about the person
// where the token lacks something.
func (r *room) verified(ctx context.Context, o *pipelines.OIDC, p *oidc.Provider, token *oauth2.Token, raw, nonce string) (map[string]any, error) {
	if raw == "" {
		return nil, errors.New("there is no ID token in it; is \"openid\" among the scopes?")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: o.ClientID, Now: func() time.Time { return r.now().Add(-skew) }}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, errors.New("the ID token is for another login: its nonce is not the one that was sent")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, err
	}
	party, has := claims["azp"]
	if has && party != o.ClientID || !has && len(id.Audience) > 1 {
		return nil, errors.New("the ID token was made for another application")
	}
	if id.Subject == "" {
		return nil, errors.New("the ID token names nobody")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, err
		}
	}
	if claimOf(claims, o.Claim) == nil && p.UserInfoEndpoint() != "" || claims["email"] == nil && len(o.Domains)+len(o.Emails) > 0 {
		return claims, r.more(ctx, p, token, id.Subject, claims)
	}
	return claims, nil
}

// more adds what only the provider's page about the person says.
func (r *room) more(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	if p.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("its page about the person: %w", err)
	}
	if info.Subject != subject {
		return errors.New("its page is about another person")
	}
	page := map[string]any{}
	if err := info.Claims(&page); err != nil {
		return err
	}
	if claims["email"] != nil {
		delete(page, "email_verified") // which is of the page's own address
	}
	for name, value := range page {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return nil
}

// email is somebody's address, where the provider has made sure that it is theirs.
func email(claims map[string]any) string {
	text, _ := claims["email"].(string)
	if sure := claims["email_verified"]; sure != true && sure != "true" {
		return ""
	}
	return strings.ToLower(text)
}

// nameIn is what somebody is called in the audit log.
func nameIn(claims map[string]any) string {
	name := email(claims)
	for _, claim := range []string{"preferred_username", "name", "sub"} {
		if text, _ := claims[claim].(string); strings.TrimSpace(name) == "" {
			name = text
		}
	}
	name = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, name)
	return string([]rune(name)[:min(len([]rune(name)), 100)])
}

// admit says as what somebody may come in: the highest role that is theirs.
func admit(o *pipelines.OIDC, claims map[string]any) (Role, error) {
	if len(o.Domains)+len(o.Emails) > 0 {
		address := email(claims)
		_, domain, _ := strings.Cut(address, "@")
		if address == "" || !slices.Contains(o.Domains, domain) && !slices.Contains(o.Emails, address) {
			return "", newFault(http.StatusForbidden, "Your e-mail address is not among those that may come in. Ask whoever looks after Kopru.")
		}
	}
	has := valuesOf(claimOf(claims, o.Claim))
	for _, role := range slices.Backward(pipelines.Roles) {
		for _, value := range o.Roles[role] {
			if value == pipelines.Everybody || slices.Contains(has, value) {
				return Role(role), nil
			}
		}
	}
	return "", newFault(http.StatusForbidden, "You have no role here. Ask whoever looks after Kopru.")
}

// claimOf finds a claim by its name, which may have dots in it or be a path: realm_access.roles.
func claimOf(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, found := strings.Cut(name, ".")
	inner, ok := claims[first].(map[string]any)
	if !found || !ok {
		return nil
	}
	return claimOf(inner, rest)
}

func valuesOf(claim any) []string {
	if text, ok := claim.(string); ok {
		return []string{text}
	}
	list, _ := claim.([]any)
	var out []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// hintCookie keeps with the browser what the provider wants to see when somebody leaves. It goes nowhere else.
func (r *room) hintCookie(req *http.Request, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: "kopru_hint", Value: value, Path: "/logout", HttpOnly: true, Secure: r.gate.secure(req), SameSite: http.SameSiteStrictMode, MaxAge: seconds,
	}
}

// endElsewhere is where somebody leaves the provider too, "" where that is not offered.
func (r *room) endElsewhere(req *http.Request) string {
	o := r.gate.engine().OIDC
	if o == nil || who(req.Context()).Name == "" || !strings.HasSuffix(who(req.Context()).Name, oidcMark) {
		return ""
	}
	p, err := r.provider.discover(req.Context(), o)
	if err != nil {
		r.Log.Warn("nobody can leave the identity provider, which can't be reached", "issuer", o.Issuer, "error", err)
		return ""
	}
	var offers struct {
		End string `json:"end_session_endpoint"`
	}
	if p.Claims(&offers) != nil {
		return ""
	}
	u, err := url.Parse(offers.End)
	if err != nil || u.Host == "" || u.Scheme != "https" && !localRequest(&http.Request{Host: u.Host}) {
		return ""
	}
	q := u.Query()
	q.Set("client_id", o.ClientID)
	q.Set("post_logout_redirect_uri", r.base(req)+"/login")
	if hint, err := req.Cookie("kopru_hint"); err == nil && hint.Value != "" {
		q.Set("id_token_hint", hint.Value)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
