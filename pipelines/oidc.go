package pipelines

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// OIDC is an identity provider that says who somebody is, by OpenID Connect.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string // "" = a public client, which PKCE alone protects
	Name         string // what people know it by
	Scopes       []string

	Claim   string              // in which it says what somebody belongs to
	Roles   map[string][]string // by role: values of the claim that give it; Everybody stands for all
	Domains []string            // of e-mail addresses that may come in, in lower case
	Emails  []string            // that may come in too; without both all may who have a role

	Passwords bool // users that are kept here may log in as well
}

// Everybody in place of a claim's value gives a role to all who may come in.
const Everybody = "*"

// Roles are the roles of the dashboard, the least first.
var Roles = []string{"viewer", "operator", "admin"}

func (l *loader) oidc(block *hclsyntax.Block) *OIDC {
	b := l.body(block)
	o := &OIDC{Issuer: b.text("issuer", ""), ClientID: b.text("client_id", "")}
	o.ClientSecret = l.clientSecret(b)
	o.Name = b.text("name", "")
	o.Scopes = b.list("scopes", "openid", "profile", "email")
	o.Claim = b.text("claim", "groups")
	o.Roles = l.roles(b)
	o.Domains, o.Emails = b.list("domains"), b.list("emails")
	o.Passwords = b.bool("passwords", true)
	for name, why := range map[string]string{
		"issuer": "It is the provider's address, such as \"https://login.example.com/realms/shop\".", "client_id": "It is what the provider calls this application.",
		"roles": `It says who may do what: { admin = ["kopru-admins"], viewer = ["office"] }.`,
	} {
		if block.Body.Attributes[name] == nil {
			b.lack(name, why)
		}
	}
	slices.SortFunc(b.lacking, func(x, y lack) int { return strings.Compare(x.name, y.name) })
	b.end()
	if !slices.Contains(o.Scopes, "openid") {
		o.Scopes = append([]string{"openid"}, o.Scopes...)
	}
	for _, list := range [][]string{o.Domains, o.Emails} {
		for i := range list {
			list[i] = strings.ToLower(strings.TrimPrefix(list[i], "@"))
		}
	}
	u, err := url.Parse(o.Issuer)
	if block.Body.Attributes["issuer"] != nil && o.Issuer != "" &&
		(err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname()))) {
		l.errorf(b.place("issuer"), "lang.wrong_value", "Not the address of an identity provider",
			"issuer is an https address without a query, exactly as the provider writes it in its tokens.")
	}
	if o.Name == "" && err == nil {
		o.Name = u.Hostname()
	}
	if u != nil && u.Hostname() == "accounts.google.com" && len(o.Domains)+len(o.Emails) == 0 && len(o.Roles) > 0 {
		l.errorf(block.DefRange(), "lang.conflict", "Everybody has an account there",
			`Say who may come in: domains = ["example.com"], or emails.`)
	}
	return o
}

// clientSecret is what the application shows to the provider.
func (l *loader) clientSecret(b *body) string {
	v, rng, ok := b.value("client_secret")
	if !ok || v == nil {
		return ""
	}
	text, isText := v.(string)
	if !isText {
		l.errorf(rng, "lang.wrong_type", "A text is needed", `client_secret is a secret, such as secret("OIDC").`)
		return ""
	}
	l.secret(text)
	l.plainSecret(b.block.Body.Attributes["client_secret"].Expr, "client_secret")
	return text
}

func (l *loader) roles(b *body) map[string][]string {
	v, rng, ok := b.public("roles")
	if !ok || v == nil {
		return nil
	}
	m, isObject := v.(map[string]any)
	if !isObject || len(m) == 0 {
		l.errorf(rng, "lang.wrong_type", "Wrong roles", `Write it as roles = { admin = ["kopru-admins"], viewer = ["office"] }.`)
		return nil
	}
	out := map[string][]string{}
	for _, name := range sortedNames(m) {
		if !slices.Contains(Roles, name) {
			l.errorf(rng, "lang.wrong_value", "There is no role "+name, "The roles are: "+strings.Join(Roles, ", ")+".")
			continue
		}
		out[name] = l.texts(m[name], func() {
			l.errorf(rng, "lang.wrong_type", "A list of texts is needed",
				fmt.Sprintf(`%s is a list of values of the claim, such as ["kopru-%[1]ss"]; "*" stands for everybody.`, name))
		})
	}
	return out
}

// list is a list of texts that are not empty.
func (b *body) list(name string, otherwise ...string) []string {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return otherwise
	}
	return b.l.texts(v, func() {
		b.l.errorf(rng, "lang.wrong_type", "A list of texts is needed", name+` is a list of texts, such as ["a", "b"].`)
	})
}

func (l *loader) texts(v any, wrong func()) []string {
	list, ok := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, isText := item.(string)
		ok = ok && isText && text != ""
		out = append(out, text)
	}
	if !ok {
		wrong()
		return nil
	}
	return out
}
