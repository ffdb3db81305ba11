package pipelines

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/record"
)

// Alert says who is told of what. A condition that is zero is not looked at.
type Alert struct {
	Name        string
	Description string
	To          []string // addresses of channels, as shoutrrr has them; secrets
	Pipelines   []string // that it watches over, sorted
	Zone        *time.Location
	Quiet       Hours // when nobody is told

	DeadLetters    int           // so many open ones of a pipeline
	Lag            time.Duration // nothing is known of a source's records for so long
	Silence        time.Duration // of Open hours, in which a pipeline had no record
	Open           Hours
	ConnectionDown time.Duration // a system fails everybody for so long
	RateLimited    time.Duration // a system wants to be left alone for so long
	Reconcile      []*Reconcile  // whose last day is compared each day at ReconcileAt
	ReconcileAt    time.Duration // after midnight, in the block's own zone
	Range          hcl.Range
}

// defaultReconcileAt leaves the night's runs time to book the day before.
const defaultReconcileAt = 6 * time.Hour

func (l *loader) alerts(blocks []*hclsyntax.Block) {
	for block := range l.distinct("Alert", blocks) {
		l.project.Alerts = append(l.project.Alerts, l.alert(block))
	}
}

func (l *loader) alert(block *hclsyntax.Block) *Alert {
	b := l.body(block)
	a := &Alert{Name: block.Labels[0], Range: block.DefRange()}
	a.Description = b.text("description", "")
	a.To = l.channels(b)
	a.Zone = l.zoneOf(b)
	var declared []string
	for _, p := range l.declared {
		declared = append(declared, p.Name)
	}
	a.Pipelines = l.among(b, "pipelines", "pipeline", declared)
	if a.Pipelines == nil {
		a.Pipelines = declared
	}
	slices.Sort(a.Pipelines)
	a.Quiet = l.hours(b, "quiet")
	a.DeadLetters = b.count("dead_letters")
	a.Lag, a.Silence = b.duration("lag", 0), b.duration("silence", 0)
	a.Open = l.hours(b, "open")
	a.ConnectionDown, a.RateLimited = b.duration("connection_down", 0), b.duration("rate_limited", 0)
	byName := map[string]*Reconcile{}
	for _, r := range l.project.Reconciles {
		byName[r.Name] = r
	}
	for _, name := range l.among(b, "reconcile", "reconcile block", sortedNames(byName)) {
		a.Reconcile = append(a.Reconcile, byName[name])
	}
	a.ReconcileAt = l.timeOfDay(b, "reconcile_at", defaultReconcileAt)
	b.end()
	if a.DeadLetters == 0 && a.Lag+a.Silence+a.ConnectionDown+a.RateLimited == 0 && len(a.Reconcile) == 0 &&
		!slices.ContainsFunc(conditionNames, func(name string) bool { return block.Body.Attributes[name] != nil }) {
		l.errorf(block.DefRange(), "alert.no_condition", "Alert \""+a.Name+"\" never tells anything",
			"Say what is to be told: "+strings.Join(conditionNames, ", ")+".")
	}
	if block.Body.Attributes["open"] != nil && block.Body.Attributes["silence"] == nil {
		l.errorf(b.place("open"), "lang.conflict", "open without silence", "It says when records are to be expected, which is for silence to know.")
	}
	return a
}

var conditionNames = []string{"dead_letters", "lag", "silence", "connection_down", "rate_limited", "reconcile"}

// channels are where messages go. What an address holds lets anybody write there, so each is a secret.
func (l *loader) channels(b *body) []string {
	b.lack("to", `It is where messages go, such as [secret("ALERT_MAIL")], an address like smtp://user:password@host:587/?from=…&to=….`)
	v, rng, ok := b.value("to")
	attr := b.block.Body.Attributes["to"]
	if attr == nil || !ok {
		if attr != nil {
			b.lacking = nil
		}
		return nil
	}
	b.lacking = nil
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	l.secret(v)
	items := []hclsyntax.Expression{attr.Expr}
	if tuple, isTuple := attr.Expr.(*hclsyntax.TupleConsExpr); isTuple {
		items = tuple.Exprs
	}
	for _, item := range items {
		l.plainSecret(item, "to")
	}
	known := (&router.ServiceRouter{}).ListServices()
	slices.Sort(known)
	var out []string
	for i, item := range list {
		at := rng
		if len(items) == len(list) {
			at = items[i].Range()
		}
		text, isText := item.(string)
		scheme, _, _ := strings.Cut(text, "://")
		service, _, _ := strings.Cut(scheme, "+")
		if u, err := url.Parse(text); err == nil && u.Scheme != "" {
			service, _, _ = strings.Cut(u.Scheme, "+")
		}
		switch {
		case !isText:
			l.errorf(at, "lang.wrong_type", "A text is needed", "to is a list of addresses in quotes, not a "+record.Kind(item)+".")
		case l.opts.MadeUp || slices.Contains(known, service):
			out = append(out, text)
		case service == text || len(service) > 20: // it may be the secret itself
			l.errorf(at, "alert.unknown_channel", "Not an address of a channel", "Write it like smtp://user:password@host:587/?from=a@b&to=c@d. "+
				"The channels are: "+strings.Join(known, ", ")+".")
		default:
			l.add(diag.Diagnostic{
				Severity: diag.Error, Code: "alert.unknown_channel", Summary: fmt.Sprintf("There is no channel %q", service),
				Detail: "The channels are: " + strings.Join(known, ", ") + ". A webhook of your own is generic+https://….", Suggest: diag.Closest(service, known),
				Subject: at.Ptr(),
			})
		}
	}
	return out
}

// among is a list of names that must be among those declared; nil when it is absent.
func (l *loader) among(b *body, attribute, what string, declared []string) []string {
	if b.block.Body.Attributes[attribute] == nil {
		b.attr(attribute)
		return nil
	}
	out := []string{}
	for _, name := range sortedNames(b.names(attribute)) {
		if slices.Contains(declared, name) {
			out = append(out, name)
			continue
		}
		l.add(diag.Diagnostic{
			Severity: diag.Error, Code: "lang.unknown_name", Summary: fmt.Sprintf("There is no %s %q", what, name),
			Detail: "There are: " + cmp.Or(strings.Join(declared, ", "), "none") + ".", Suggest: diag.Closest(name, declared), Subject: b.place(attribute).Ptr(),
		})
	}
	return out
}

// zoneOf is the time zone that a block names.
func (l *loader) zoneOf(b *body) *time.Location {
	name := b.text("timezone", "UTC")
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		l.errorf(b.place("timezone"), "lang.wrong_value", fmt.Sprintf("%q is no time zone", name), `Write it like "Europe/Amsterdam".`)
		return time.UTC
	}
	return zone
}

func (l *loader) timeOfDay(b *body, name string, otherwise time.Duration) time.Duration {
	text := b.text(name, "")
	if text == "" {
		return otherwise
	}
	at, err := clockTime(text)
	if err != nil {
		l.errorf(b.place(name), "lang.wrong_value", "Not a time of day", name+` is written like "06:30".`)
		return otherwise
	}
	return at
}

func (l *loader) hours(b *body, name string) Hours {
	v, rng, ok := b.public(name)
	if !ok || v == nil {
		return nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var out Hours
	for _, item := range list {
		text, _ := item.(string)
		span, err := parseSpan(text)
		if err != nil {
			l.errorf(rng, "lang.wrong_value", "Not hours of a week", fmt.Sprintf(`%s: %v. Write them like "mon-fri 09:00-18:00" or "22:00-07:00".`, name, err))
			return nil
		}
		out = append(out, span)
	}
	return out
}
