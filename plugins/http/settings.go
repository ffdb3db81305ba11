package http

import (
	"encoding/base64"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// The ways to prove who calls.
const (
	authNone   = "none"
	authBasic  = "basic"
	authBearer = "bearer"
	authHeader = "header"
	authQuery  = "query"
	authOAuth2 = "oauth2"
)

func attributes() []*protocol.Attribute {
	const (
		text     = protocol.AttributeType_ATTRIBUTE_TYPE_STRING
		link     = protocol.AttributeType_ATTRIBUTE_TYPE_URL
		texts    = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST
		textMap  = protocol.AttributeType_ATTRIBUTE_TYPE_STRING_MAP
		duration = protocol.AttributeType_ATTRIBUTE_TYPE_DURATION
	)
	example := func(a *protocol.Attribute, e string) *protocol.Attribute {
		a.Example = e
		return a
	}
	auth := sdk.WithDefault(sdk.Attribute("auth", text, "How the system knows who calls.", 0), authNone)
	auth.Values = []string{authNone, authBasic, authBearer, authHeader, authQuery, authOAuth2}
	return []*protocol.Attribute{
		example(sdk.Attribute("url", link, "Where the API is. Paths are joined to it. Only webhooks need none.", 0), exampleURL),
		example(sdk.DeclaresEntities(sdk.Attribute("entities", protocol.AttributeType_ATTRIBUTE_TYPE_OBJECT_MAP,
			"The kinds of records there are, by name, each as an object. plugins/http/README.md tells what is in one.", sdk.Required), true, "fields"),
			`{ order = { path = "/orders", items = "data" } }`),
		auth,
		sdk.Attribute("username", text, "With auth = \"basic\".", 0),
		sdk.Attribute("password", text, "With auth = \"basic\".", sdk.Sensitive),
		sdk.Attribute("token", text, "With auth = \"bearer\", \"header\" or \"query\": what is sent.", sdk.Sensitive),
		example(sdk.Attribute("auth_name", text, "With auth = \"header\" or \"query\": the header or the parameter.", 0), "X-API-Key"),
		sdk.Attribute("token_url", link, "With auth = \"oauth2\": where access tokens are given.", 0),
		sdk.Attribute("client_id", text, "With auth = \"oauth2\".", 0),
		sdk.Attribute("client_secret", text, "With auth = \"oauth2\".", sdk.Sensitive),
		sdk.Attribute("scopes", texts, "With auth = \"oauth2\": rights asked for.", 0),
		sdk.Attribute("token_parameters", textMap, "With auth = \"oauth2\": what else is sent when a token is asked for, such as audience.", 0),
		sdk.Attribute("refresh_token", text,
			"With auth = \"oauth2\": what the user's consent gave; without it the client's own credentials are used.", sdk.Sensitive),
		example(sdk.Attribute("token_file", text,
			"A file for refresh tokens that the system replaces when they are used: the one in the settings is of no use then. Only its owner may read it.",
			sdk.WritePath), "tokens/shop.json"),
		sdk.Attribute("headers", textMap, "Sent with every call. Secrets belong into auth: these are shown.", 0),
		sdk.WithDefault(sdk.Attribute("idempotency_header", text,
			"The header by which the system knows a write that comes again; \"\" sends none.", 0), "Idempotency-Key"),
		example(sdk.Attribute("statuses", textMap, "What answers mean to this system where it differs: the status, and one of "+
			strings.Join(classNames(), ", ")+".", 0), `{ "409" = "invalid" }`),
		example(sdk.Attribute("error_message", text, "Path of the words for a human in an answer that refuses.", 0), "error.message"),
		example(sdk.Attribute("error_field", text, "Path of the field at fault in an answer that refuses.", 0), "error.field"),
		example(sdk.Attribute("check", text, "What `kopru check` asks for; without it the first page of each entity.", 0), "/me"),
		sdk.WithDefault(sdk.Attribute("timeout", duration, "How long a call may take.", 0), "60s"),
		sdk.WithDefault(sdk.Attribute("listen", text, "Webhooks: where to listen. Elsewhere than on this machine with TLS, or behind a proxy.", 0), "127.0.0.1:8090"),
		example(sdk.Attribute("inbox", text,
			"Webhooks: the folder in which deliveries are kept until they are settled. Its disk has to be a lasting one.", sdk.WritePath), "inbox"),
		sdk.Attribute("webhook_secret", text, "Webhooks: what the sender signs with.", sdk.Sensitive),
		sdk.Attribute("certificate", text, "Webhooks: the file with the certificate for TLS, in PEM. A renewed one counts at once.", sdk.ReadPath),
		sdk.Attribute("private_key", text, "Webhooks: the file with its key.", sdk.ReadPath),
		sdk.WithDefault(sdk.Attribute("behind_proxy", protocol.AttributeType_ATTRIBUTE_TYPE_BOOL,
			"Webhooks: a reverse proxy does TLS, and nobody else reaches this port.", 0), false),
		sdk.WithDefault(sdk.Attribute("body_limit", protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER, "Webhooks: the most bytes of a delivery.", 0), 1<<20),
		sdk.WithDefault(sdk.Attribute("remember", duration, "Webhooks: how long a delivery's id is known, so that it is not taken twice.", 0), "168h"),
	}
}

// classes are the words of `statuses`.
var classes = map[string]protocol.FailureClass{
	"transient":    protocol.FailureClass_FAILURE_CLASS_TRANSIENT,
	"rate_limited": protocol.FailureClass_FAILURE_CLASS_RATE_LIMITED,
	"auth":         protocol.FailureClass_FAILURE_CLASS_AUTH,
	"invalid":      protocol.FailureClass_FAILURE_CLASS_INVALID,
	"conflict":     protocol.FailureClass_FAILURE_CLASS_CONFLICT,
	"not_found":    protocol.FailureClass_FAILURE_CLASS_NOT_FOUND,
	"ambiguous":    protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS,
	"fatal":        protocol.FailureClass_FAILURE_CLASS_FATAL,
}

func classNames() []string {
	names := make([]string, 0, len(classes))
	for name := range classes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// settings is a connection's configuration, parsed.
type settings struct {
	base     *url.URL
	config   sdk.Config
	check    string
	entities map[string]*entity
	headers  map[string]string
	statuses map[string]protocol.FailureClass
}

const exampleURL = "https://api.example.com/v1"

// problems collects what is wrong with a configuration.
type problems struct{ sdk.Settings }

func parse(config sdk.Config) (*settings, []*protocol.Problem) {
	p := &problems{sdk.Settings{Config: config}}
	s := &settings{
		config: config, check: config.String("check"), headers: textMap(config["headers"]), statuses: map[string]protocol.FailureClass{},
	}
	s.entities = p.entities(config["entities"])
	s.base = &url.URL{}
	if config.String("url") != "" || slices.ContainsFunc(s.names(), func(name string) bool { return s.entities[name].Webhook == nil }) {
		s.base = p.URL("url", exampleURL)
	}
	p.listening(s)
	p.auth(config)
	for status, word := range textMap(config["statuses"]) {
		class, ok := classes[word]
		if !ok || len(status) != 3 || status[0] < '3' || status[0] > '5' {
			p.Wrong("statuses", `"`+status+`" = "`+word+`" says nothing.`, "Write a status from 300 to 599 and one of: "+strings.Join(classNames(), ", ")+".")
		}
		s.statuses[status] = class
	}
	if s.check != "" && !strings.HasPrefix(s.check, "/") {
		p.Wrong("check", "This is no path.", "It begins with / and is joined to `url`.")
	}
	return s, p.Problems
}

// needs are the settings of each way to prove who calls.
var needs = map[string][]string{
	authBasic: {"username"}, authBearer: {"token"}, authHeader: {"token", "auth_name"}, authQuery: {"token", "auth_name"},
	authOAuth2: {"token_url", "client_id"},
}

func (p *problems) auth(config sdk.Config) {
	way := config.String("auth")
	if _, ok := needs[way]; !ok && way != authNone && way != "" {
		p.Wrong("auth", "There is no such way.", "It is one of: none, basic, bearer, header, query, oauth2.")
	}
	for _, name := range needs[way] {
		if config.String(name) == "" {
			p.Wrong(name, "It is missing.", `auth = "`+way+`" needs `+strings.Join(needs[way], " and ")+".")
		}
	}
	if way == authOAuth2 && config.String("token_url") != "" {
		p.URL("token_url", exampleURL)
	}
	if config.String("token_file") != "" && config.String("refresh_token") == "" {
		p.Wrong("token_file", "There is nothing to keep in it.", "It is for the tokens that replace refresh_token.")
	}
}

// client makes what calls the system.
func (s *settings) client(transport nethttp.RoundTripper, now func() time.Time) *sdk.HTTP {
	c := s.config
	h := &sdk.HTTP{
		System: "http", Client: &nethttp.Client{Timeout: c.Duration("timeout"), Transport: transport}, Now: now,
		Secrets: []string{c.String("password"), c.String("token"), c.String("client_secret"), c.String("refresh_token")},
	}
	switch c.String("auth") {
	case authBasic:
		h.Secrets = append(h.Secrets, basic(c))
	case authHeader:
		h.RedactHeaders = []string{c.String("auth_name")}
	case authQuery:
		h.RedactQuery = []string{c.String("auth_name")}
	case authOAuth2:
		h.OAuth2 = &sdk.OAuth2{
			TokenURL: c.String("token_url"), ClientID: c.String("client_id"), ClientSecret: c.String("client_secret"),
			RefreshToken: c.String("refresh_token"), File: c.String("token_file"), Parameters: url.Values{},
		}
		scopes, _ := c["scopes"].([]any)
		for _, scope := range scopes {
			if text, ok := scope.(string); ok {
				h.OAuth2.Scopes = append(h.OAuth2.Scopes, text)
			}
		}
		for name, value := range textMap(c["token_parameters"]) {
			h.OAuth2.Parameters.Set(name, value)
		}
	}
	return h
}

func basic(c sdk.Config) string {
	return base64.StdEncoding.EncodeToString([]byte(c.String("username") + ":" + c.String("password")))
}

// header is what every call has.
func (s *settings) header() nethttp.Header {
	h := nethttp.Header{"Accept": {"application/json"}, "User-Agent": {"kopru-connector-http/" + Version}}
	for name, value := range s.headers {
		h.Set(name, value)
	}
	switch c := s.config; c.String("auth") {
	case authBasic:
		h.Set("Authorization", "Basic "+basic(c))
	case authBearer:
		h.Set("Authorization", "Bearer "+c.String("token"))
	case authHeader:
		h.Set(c.String("auth_name"), c.String("token"))
	}
	return h
}

// address is a path below the base with a query and, where that proves who calls, the secret in it.
func (s *settings) address(path string, query url.Values) string {
	text, own, _ := strings.Cut(path, "?")
	q, err := url.ParseQuery(own)
	if err != nil {
		q = url.Values{}
	}
	for name, values := range query {
		q[name] = values
	}
	if s.config.String("auth") == authQuery {
		q.Set(s.config.String("auth_name"), s.config.String("token"))
	}
	address := s.base.String() + text
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

func textMap(v any) map[string]string {
	out := map[string]string{}
	m, _ := v.(map[string]any)
	for name, value := range m {
		out[name] = sdk.Config(m).String(name)
		if b, ok := value.(bool); ok && b {
			out[name] = "true"
		}
	}
	return out
}
