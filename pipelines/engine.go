package pipelines

import (
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
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
	Drain time.Duration

	Listen          string // where the dashboard is served, "off" = nowhere
	TLSCert, TLSKey string // files with its certificate and key, "" = without TLS
}

func (l *loader) engine(blocks []*hclsyntax.Block) {
	l.project.Engine.Drain, l.project.Engine.Listen = DefaultDrain, DefaultListen
	for i, block := range blocks {
		if i > 0 {
			l.errorf(block.DefRange(), "lang.duplicate", "A second engine block",
				"The first one is at "+place(blocks[0].DefRange())+". Put everything into it.")
			continue
		}
		b := l.body(block)
		l.project.Engine.State = l.state(b)
		l.project.Engine.Drain = b.duration("drain", DefaultDrain)
		l.project.Engine.Listen = b.text("listen", DefaultListen)
		l.project.Engine.TLSCert, l.project.Engine.TLSKey = b.text("tls_cert", ""), b.text("tls_key", "")
		b.end()
	}
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
		meant = meant || block.Body.Attributes["state"] != nil
	}
	if l.project.Engine.State != "" || !meant { // other mistakes are for others to tell
		l.diags = l.diags[before:]
	}
	l.tidy()
	return l.project, l.diags
}
