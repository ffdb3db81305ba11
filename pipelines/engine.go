package pipelines

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// DefaultDrain is how long a stopped engine lets its runs finish what is in flight.
const DefaultDrain = 30 * time.Second

// DefaultListen is where the dashboard is served unless something else is said. Others on the machine's network can't
// reach it there.
const DefaultListen = "127.0.0.1:8642"

// Engine is what a project says about the engine that runs it.
type Engine struct {
	State string // database: a file in the project, or a postgres:// address, which may hold a password; "" = not said
	Key   string // encrypts the state; several with commas, the newest first; "" = not said
	Drain time.Duration

	Retention Retention

	Listen          string // where the dashboard is served, "off" = nowhere
	TLSCert, TLSKey string // files with its certificate and key, "" = without TLS

	URL       string // where people find the dashboard, for links in alerts; "" = where it is served
	Heartbeat string // asked each minute while all is looked after, so that an outside watchdog notices when it is not; a secret

	OIDC *OIDC // who logs people in, nil = only the state's own users are known
}

// Retention is how long the state keeps what it keeps for people. Zero = for ever.
type Retention struct{ Activity, Stories, Letters, Runs, Audit, Counts time.Duration }

var defaultRetention = Retention{
	Activity: 400 * day, Stories: 30 * day, Letters: 30 * day, Runs: 400 * day, Audit: 400 * day, Counts: 1100 * day,
}

// forever in place of a length of time keeps something until a person removes it.
const forever = "forever"

// kinds are the parts of a retention by their names.
func (r *Retention) kinds() map[string]*time.Duration {
	return map[string]*time.Duration{
		"activity": &r.Activity, "stories": &r.Stories, "letters": &r.Letters, "runs": &r.Runs, "audit": &r.Audit, "counts": &r.Counts,
	}
}

// Kinds are the lengths of time by the names that a project has for them. Zero = for ever.
func (r Retention) Kinds() map[string]time.Duration {
	out := map[string]time.Duration{}
	for name, length := range r.kinds() {
		out[name] = *length
	}
	return out
}

func (l *loader) retention(b *body) Retention {
	out := defaultRetention
	v, rng, ok := b.public("retention")
	if !ok || v == nil {
		return out
	}
	m, isObject := v.(map[string]any)
	if !isObject {
		l.errorf(rng, "lang.wrong_type", "Wrong retention", `Write it as retention = { activity = "400d", stories = "30d", letters = "30d" }.`)
	}
	kinds := out.kinds()
	names := slices.Sorted(maps.Keys(kinds))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch kind := kinds[name]; {
		case kind == nil:
			l.add(diag.Diagnostic{
				Severity: diag.Error, Code: "lang.wrong_value", Summary: "Nothing that is kept is called " + name,
				Detail: "retention has: " + strings.Join(names, ", ") + ".", Suggest: diag.Closest(name, names), Subject: rng.Ptr(),
			})
		case m[name] == forever:
			*kind = 0
		default:
			*kind = l.days(m[name], rng, name, *kind)
		}
	}
	return out
}

// key is a secret, since whoever has it reads what the state keeps.
func (l *loader) key(b *body) string {
	v, rng, ok := b.value("key")
	if !ok || v == nil {
		return ""
	}
	text, isText := v.(string)
	if !isText {
		l.errorf(rng, "lang.wrong_type", "A text is needed", `key is what kopru key new writes, such as env("KOPRU_KEY"), not a `+record.Kind(v)+".")
		return ""
	}
	l.secret(text)
	l.plainSecret(b.block.Body.Attributes["key"].Expr, "key")
	return text
}

func (l *loader) engine(blocks []*hclsyntax.Block) {
	l.project.Engine = Engine{Drain: DefaultDrain, Listen: DefaultListen, Retention: defaultRetention}
	for i, block := range blocks {
		if i > 0 {
			l.errorf(block.DefRange(), "lang.duplicate", "A second engine block",
				"The first one is at "+place(blocks[0].DefRange())+". Put everything into it.")
			continue
		}
		b := l.body(block)
		l.project.Engine.State, l.project.Engine.Key = l.state(b), l.key(b)
		l.project.Engine.Retention = l.retention(b)
		l.project.Engine.Drain = b.duration("drain", DefaultDrain)
		l.project.Engine.Listen = b.text("listen", DefaultListen)
		l.project.Engine.TLSCert, l.project.Engine.TLSKey = b.text("tls_cert", ""), b.text("tls_key", "")
		l.project.Engine.URL, l.project.Engine.Heartbeat = strings.TrimSuffix(b.text("url", ""), "/"), l.heartbeat(b)
		for _, inner := range block.Body.Blocks {
			if inner.Type == "oidc" && l.project.Engine.OIDC == nil {
				l.project.Engine.OIDC = l.oidc(inner)
			} else if inner.Type == "oidc" {
				l.errorf(inner.DefRange(), "lang.duplicate", "A second oidc block", "There is one identity provider.")
			}
		}
		b.end("oidc")
	}
}

// heartbeat is an address that holds what lets anybody report.
func (l *loader) heartbeat(b *body) string {
	v, rng, ok := b.value("heartbeat")
	if !ok || v == nil {
		return ""
	}
	l.secret(v)
	text, _ := v.(string)
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname())) {
		l.errorf(rng, "lang.wrong_value", "Not an address of a watchdog", "heartbeat is an https address, such as secret(\"WATCHDOG\").")
		return ""
	}
	return text
}

// state may be a secret, since addresses of databases hold passwords.
func (l *loader) state(b *body) string {
	v, rng, ok := b.value("state")
	if !ok || v == nil {
		return ""
	}
	text, isText := v.(string)
	if !isText {
		l.errorf(rng, "lang.wrong_type", "A text is needed", "state is a file or a postgres:// address in quotes, not a "+record.Kind(v)+".")
		return ""
	}
	l.password(b, text)
	return text
}

// password remembers what of the address must never be shown, and warns where it stands in the text.
func (l *loader) password(b *body, text string) {
	scheme, _, isAddress := strings.Cut(text, "://")
	if !isAddress {
		return
	}
	rng := b.place("state")
	if scheme != "postgres" && scheme != "postgresql" {
		l.errorf(rng, "lang.wrong_value", "No such database", "state is a file, or the address of a PostgreSQL: postgres://user:password@host/database.")
	}
	u, err := url.Parse(text)
	if err != nil {
		l.secret(text)
		l.errorf(rng, "lang.wrong_value", "Not an address", "Write it like postgres://user:password@host/database, with % and # in the password as %25 and %23.")
		return
	}
	given, _ := u.User.Password()
	_, escaped, _ := strings.Cut(u.User.String(), ":")
	for _, password := range []string{given, escaped, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		l.secret(password)
	}
	if given != "" || u.Query().Has("password") {
		l.plainSecret(b.block.Body.Attributes["state"].Expr, "state")
	}
}

// VariablesOf reads a project's settings, whatever else is wrong with it. The diagnostics are what is wrong with them, and
// with files that can't be read.
func VariablesOf(dir string, opts Options) (*Project, diag.List) {
	l := newLoader(dir, opts)
	l.read(dir)
	l.variables(l.sort()["variable"])
	l.tidy()
	return l.project, l.diags
}

// EngineOf reads what a project says about its engine, whatever else is wrong with it. A folder without a project says
// nothing. The diagnostics are why it can't be told.
func EngineOf(dir string, opts Options) (*Project, diag.List) {
	l := newLoader(dir, opts)
	l.read(dir)
	blocks := l.sort()
	l.variables(blocks["variable"])
	l.locals(blocks["locals"])
	before := len(l.diags)
	l.engine(blocks["engine"])
	meant := len(l.unparsed) > 0
	for _, block := range blocks["engine"] {
		meant = meant || block.Body.Attributes["state"] != nil || block.Body.Attributes["key"] != nil
	}
	told := l.project.Engine.State != "" || l.project.Engine.Key != ""
	if told || !meant { // other mistakes are for others to tell
		l.diags = l.diags[before:]
	}
	l.tidy()
	return l.project, l.diags
}
