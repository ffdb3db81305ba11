package vismanet

import (
	"crypto/rand"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const tokenPath = "/connect/token"

const (
	apiScopePrefix        = "vismanet_erp_service_api:"
	salesOrderScopePrefix = "visma.net.erp.salesorder:"
)

var scopes = []string{
	apiScopePrefix + "create", apiScopePrefix + "read", apiScopePrefix + "update", apiScopePrefix + "delete",
	salesOrderScopePrefix + "read", salesOrderScopePrefix + "write",
}

// apiScope is what the ERP API asks for a method.
func apiScope(method string) string {
	switch method {
	case http.MethodPost:
		return apiScopePrefix + "create"
	case http.MethodPut:
		return apiScopePrefix + "update"
	case http.MethodDelete:
		return apiScopePrefix + "delete"
	}
	return apiScopePrefix + "read"
}

// salesOrderScope is what the Sales Order Service asks for a method.
func salesOrderScope(method string) string {
	if method == http.MethodGet {
		return salesOrderScopePrefix + "read"
	}
	return salesOrderScopePrefix + "write"
}

// tokens is Visma Connect: it hands out tokens and knows the ones it gave.
type tokens struct {
	opts Options

	mu    sync.Mutex
	known map[string]grant
}

type grant struct {
	scopes  []string
	tenant  string
	expires time.Time
}

func newTokens(opts Options) *tokens { return &tokens{opts: opts, known: make(map[string]grant)} }

// answer is the token endpoint.
func (t *tokens) answer(r *http.Request, body []byte) response {
	switch strings.ToLower(strings.TrimRight(r.URL.Path, "/")) {
	case tokenPath:
	case "/.well-known/openid-configuration":
		base := t.opts.BaseToken
		if base == "" {
			base = "http://" + r.Host
		}
		return ok(object{
			"issuer": base, "token_endpoint": base + tokenPath,
			"grant_types_supported": []string{"client_credentials"},
		})
	default:
		return response{status: http.StatusNotFound}
	}
	if r.Method != http.MethodPost {
		return response{status: http.StatusMethodNotAllowed}.with("Allow", http.MethodPost)
	}
	form, err := url.ParseQuery(string(body))
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return oauthError("invalid_request")
	}
	if form.Get("grant_type") != "client_credentials" {
		return oauthError("unsupported_grant_type")
	}
	if !allowed(t.opts.ClientID, form.Get("client_id")) || !allowed(t.opts.ClientSecret, form.Get("client_secret")) {
		return oauthError("invalid_client")
	}
	if form.Get("tenant_id") == "" {
		return oauthError("invalid_request")
	}
	asked := strings.Fields(form.Get("scope"))
	if len(asked) == 0 || slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(scopes, s) }) {
		return oauthError("invalid_scope")
	}
	if t.opts.Scopes != nil && slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(t.opts.Scopes, s) }) {
		return oauthError("invalid_scope")
	}
	if t.opts.Granted != nil {
		asked = slices.DeleteFunc(asked, func(s string) bool { return !slices.Contains(t.opts.Granted, s) })
	}
	token := rand.Text() + rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.known, func(_ string, g grant) bool { return !t.opts.Now().Before(g.expires) })
	t.known[token] = grant{scopes: asked, tenant: form.Get("tenant_id"), expires: t.opts.Now().Add(t.opts.TokenTTL)}
	answer := object{"access_token": token, "expires_in": int(t.opts.TokenTTL.Seconds()), "token_type": "Bearer"}
	if !t.opts.SilentGrant {
		answer["scope"] = strings.Join(asked, " ")
	}
	return ok(answer).with("Cache-Control", "no-store").with("Date", t.opts.Now().Add(t.opts.ClockOff).UTC().Format(http.TimeFormat))
}

// allowed tells whether a credential is the expected one; any is when none is expected.
func allowed(want, have string) bool { return want == "" || want == have }

func oauthError(code string) response {
	return response{status: http.StatusBadRequest, body: object{"error": code}}
}

// authorise returns 0 when the request may have the scope, else the status to answer.
func (t *tokens) authorise(r *http.Request, scope string) int {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t.mu.Lock()
	g, known := t.known[token]
	t.mu.Unlock()
	switch {
	case !strings.EqualFold(scheme, "Bearer"), !known, !t.opts.Now().Before(g.expires), !allowed(t.opts.TenantID, g.tenant):
		return http.StatusUnauthorized
	case !slices.Contains(g.scopes, scope):
		return http.StatusForbidden
	}
	return 0
}

// revoke ends every token, as when the tenant withdraws the application.
func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.known)
}
