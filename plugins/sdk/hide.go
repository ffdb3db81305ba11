package sdk

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	hidden       = "***"
	leastSecrecy = 3 // characters: fewer are no secret, and hiding them would garble everything
)

// showRequest is a request as a human may see it.
func (h *HTTP) showRequest(req *http.Request, r HTTPRequest) string {
	u := *req.URL
	u.User = nil
	if q := u.Query(); len(q) > 0 {
		for _, name := range h.RedactQuery {
			for k := range q {
				if strings.EqualFold(k, name) {
					q.Set(k, hidden)
				}
			}
		}
		u.RawQuery = strings.ReplaceAll(q.Encode(), url.QueryEscape(hidden), hidden)
	}
	return h.show(req.Method+" "+u.String(), req.Header, r.Body, r.Secrets)
}

func (h *HTTP) show(line string, header http.Header, body []byte, secrets []string) string {
	header = header.Clone()
	for _, name := range append([]string{"Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization"}, h.RedactHeaders...) {
		if header.Get(name) != "" {
			header.Set(name, hidden)
		}
	}
	var b strings.Builder
	b.WriteString(line + "\r\n")
	_ = header.Write(&b) // a Builder takes everything
	// Secrets go first: one that the cut would split must not show its half.
	return Brief(h.Hide(b.String()+"\r\n"+string(body), secrets...), shownBody)
}

// Hide takes the secrets out of a text, those of the HTTP and more, in every form that they have in addresses, JSON
// and XML. Do hides them in failures and exchanges; what a connector makes of an answer's body is its own to hide.
func (h *HTTP) Hide(text string, more ...string) string {
	for _, form := range h.forms.of(slices.Concat(h.Secrets, more)) {
		text = strings.ReplaceAll(text, form, hidden)
	}
	return text
}

// lastForms keeps the forms of the secrets that were asked for last: a token stays the same for very many calls.
type lastForms struct {
	mu      sync.Mutex
	secrets []string
	forms   []string
}

func (l *lastForms) of(secrets []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.secrets, secrets) {
		l.secrets, l.forms = secrets, forms(secrets)
	}
	return l.forms
}

// escapeBrief escapes what must be escaped in the text of an XML element, and no more.
var escapeBrief = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// forms are secrets as they may come back in, the long ones first: a short one must not break a long one.
func forms(secrets []string) []string {
	var out []string
	for _, secret := range secrets {
		if len(secret) < leastSecrecy {
			continue
		}
		for _, s := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			plain, _ := jsontext.AppendQuote(nil, valid(s)) // valid text can be quoted
			careful, _ := json.Marshal(s)                   // & as \u0026; a string always can be
			var escaped bytes.Buffer
			_ = xml.EscapeText(&escaped, []byte(s)) // a Buffer takes everything
			brief := escapeBrief.Replace(s)
			out = append(out, s, string(plain[1:len(plain)-1]), string(careful[1:len(careful)-1]),
				escaped.String(), html.EscapeString(s), brief, strings.ReplaceAll(brief, `"`, "&quot;"))
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b) // equal ones side by side, for Compact
	})
	return slices.Compact(out)
}
