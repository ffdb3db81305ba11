package alert

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// Conditions, as the settings of an alert name them.
const (
	byLetters   = "dead_letters"
	byLag       = "lag"
	bySilence   = "silence"
	byDown      = "connection_down"
	byRate      = "rate_limited"
	byReconcile = "reconcile"
)

// findings is what is wrong now of what an alert watches over.
func (g *Guard) findings(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	var out []state.Alert
	for _, look := range []func(context.Context, *pipelines.Alert) ([]state.Alert, error){
		g.letters, g.behind, g.silent, g.down, g.limited, g.off,
	} {
		found, err := look(ctx, a)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// person is what looks like somebody's address: a message leaves the house, and says nothing of people.
var person = regexp.MustCompile(`[^\s"'<>(),;:=]+@[^\s"'<>(),;:=]+`)

// markup is what a channel may take for more than a text: what others wrote is shown, and neither formats a message nor
// calls everybody nor leads anywhere.
var markup = strings.NewReplacer("<", "‹", ">", "›", "[", "(", "]", ")", "@", "＠", "`", "'", "://", ": //")

// longestQuote bounds what is quoted.
const longestQuote = 500

// impersonal is what others wrote, as it may leave the house.
func (g *Guard) impersonal(text string) string {
	text = markup.Replace(strings.Join(strings.Fields(person.ReplaceAllString(g.Clean(text), "•••")), " "))
	if quoted := []rune(text); len(quoted) > longestQuote {
		text = string(quoted[:longestQuote]) + "…"
	}
	return text
}

// whyFailed is what a letter says. Where a pipeline keeps everything as it came, that may name people.
func (g *Guard) whyFailed(h *state.Held) string {
	for _, p := range g.Project().Pipelines {
		if p.Name == h.Pipeline && p.Payloads == "full" {
			return "The letter says it; here it is left out, since the pipeline keeps personal data as it came (payloads = \"full\")."
		}
	}
	return g.impersonal(h.Message)
}

func (g *Guard) letters(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	if a.DeadLetters == 0 {
		return nil, nil
	}
	counts, err := g.Store.HeldCounts(ctx)
	if err != nil {
		return nil, err
	}
	var out []state.Alert
	for _, c := range counts {
		if c.Status != state.HeldDead || c.Letters < int64(a.DeadLetters) || !slices.Contains(a.Pipelines, c.Pipeline) {
			continue
		}
		groups, err := g.Store.HeldGroups(ctx, state.HeldFilter{Pipeline: c.Pipeline, Status: state.HeldDead})
		if err != nil {
			return nil, err
		}
		for i := range groups {
			h := &groups[i]
			path := url.Values{"pipeline": {h.Pipeline}, "step": {h.Step}, "code": {h.Code}, "status": {h.Status}}
			out = append(out, state.Alert{
				Condition: byLetters, Subject: h.Pipeline + " " + h.Step + " " + h.Code, Since: h.Oldest,
				What:   fmt.Sprintf("%s of pipeline %s did not come through, at step %s (%s)", records(h.Letters), h.Pipeline, h.Step, g.impersonal(h.Code)),
				Why:    g.whyFailed(&h.Example),
				Remedy: cmp.Or(diag.Explain(h.Code), "The other system refused the record. Mend it there or here, then replay the letter."),
				Path:   "/failures/group?" + path.Encode(),
			})
		}
	}
	return out, nil
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

// scheduled are the pipelines of an alert that run by themselves.
func (g *Guard) scheduled(a *pipelines.Alert) []*pipelines.Pipeline {
	var out []*pipelines.Pipeline
	for _, p := range g.Project().Pipelines {
		if p.Schedule.Scheduled() && slices.Contains(a.Pipelines, p.Name) {
			out = append(out, p)
		}
	}
	return out
}

func (g *Guard) behind(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	if a.Lag == 0 {
		return nil, nil
	}
	halts, err := g.Store.Halts(ctx)
	if err != nil {
		return nil, err
	}
	var out []state.Alert
	for _, p := range g.scheduled(a) {
		since, err := g.Store.InStep(ctx, p.Name)
		if err == nil && since.IsZero() {
			since, err = g.Store.Began(ctx, p.Name)
		}
		if err != nil {
			return nil, err
		}
		if since.IsZero() || g.Now().Sub(since) < a.Lag {
			continue
		}
		f := state.Alert{
			Condition: byLag, Subject: p.Name, Since: since, Path: "/pipelines/" + url.PathEscape(p.Name),
			What:   "Pipeline " + p.Name + " is behind: what its source had since then has no outcome yet",
			Remedy: "See its runs on the dashboard, or run it now with kopru run --once " + p.Name + ", which says what is wrong.",
		}
		runs, err := g.Store.Runs(ctx, state.RunFilter{Pipeline: p.Name, Limit: 1})
		if err != nil {
			return nil, err
		}
		halt, halted := halts[p.Name]
		switch {
		case halted:
			f.Why, f.Remedy = halt.Who+" paused it at "+halt.At.Format(stamp), "Resume it on its page of the dashboard."
		case len(runs) > 0 && runs[0].Status == "running":
			f.Why = "A run is under way since " + runs[0].StartedAt.Format(stamp) + "."
		case len(runs) > 0 && runs[0].Error != "":
			f.Why = g.impersonal(runs[0].Error)
		default:
			f.Why = "No run came to its end."
		}
		out = append(out, f)
	}
	return out, nil
}

func (g *Guard) silent(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	now := g.Now().In(a.Zone)
	if a.Silence == 0 || len(a.Open) > 0 && !a.Open.Contain(now) {
		return nil, nil
	}
	var out []state.Alert
	for _, p := range g.scheduled(a) {
		since, err := g.Store.LastRecord(ctx, p.Name)
		if err == nil && since.IsZero() {
			since, err = g.Store.Began(ctx, p.Name)
		}
		if err != nil {
			return nil, err
		}
		if since.IsZero() || a.Open.Of(since.In(a.Zone), now) < a.Silence {
			continue
		}
		out = append(out, state.Alert{
			Condition: bySilence, Subject: p.Name, Since: since, Path: "/pipelines/" + url.PathEscape(p.Name),
			What:   "No record came through pipeline " + p.Name + " for " + pipelines.Words(a.Silence.Round(time.Minute)),
			Why:    "Its source " + p.Source.Connection.Address() + " gave none, though there should be some at this time.",
			Remedy: "Look whether the other system works and sends: kopru check tries the connection.",
		})
	}
	return out, nil
}

// used are the connections that an alert's pipelines work with.
func (g *Guard) used(a *pipelines.Alert) map[string]bool {
	out := map[string]bool{}
	for _, p := range g.Project().Pipelines {
		if slices.Contains(a.Pipelines, p.Name) {
			for _, c := range p.Connections() {
				out[c.Address()] = true
			}
		}
	}
	return out
}

func (g *Guard) down(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	if a.ConnectionDown == 0 {
		return nil, nil
	}
	troubles, err := g.Store.Troubles(ctx)
	used := g.used(a)
	var out []state.Alert
	for _, t := range troubles {
		if used[t.Connection] && g.Now().Sub(t.Since) >= a.ConnectionDown {
			out = append(out, state.Alert{
				Condition: byDown, Subject: t.Connection, Since: t.Since, Path: "/connections#" + t.Connection,
				What: "Connection " + t.Connection + " is down", Why: g.impersonal(t.Reason),
				Remedy: "Look whether the system works and the credentials are good: kopru check tries the connection. Nothing is lost meanwhile.",
			})
		}
	}
	return out, err
}

func (g *Guard) limited(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	if a.RateLimited == 0 {
		return nil, nil
	}
	pauses, err := g.Store.Pauses(ctx)
	used := g.used(a)
	var out []state.Alert
	for _, p := range pauses {
		if used[p.Connection] {
			out = append(out, state.Alert{
				Condition: byRate, Subject: p.Connection, Since: g.Now(), Path: "/connections#" + p.Connection,
				What: "Connection " + p.Connection + " is held back by its system", Why: g.impersonal(p.Reason),
				Remedy: "Lower the connection's limit, run less often, or ask the vendor for more calls. Nothing is lost meanwhile.",
			})
		}
	}
	return out, err
}

// daysBack is for how long a day that does not agree is told of.
const daysBack = 7

func (g *Guard) off(ctx context.Context, a *pipelines.Alert) ([]state.Alert, error) {
	if len(a.Reconcile) == 0 {
		return nil, nil
	}
	days, err := g.Store.Reconciled(ctx, g.Now().AddDate(0, 0, -daysBack).Format(time.DateOnly))
	var out []state.Alert
	for _, d := range days {
		off := slices.DeleteFunc(d.Off, func(o state.Off) bool { return !moreThanACent(o.Amount) })
		if len(off) == 0 || !slices.ContainsFunc(a.Reconcile, func(r *pipelines.Reconcile) bool { return r.Name == d.Name }) {
			continue
		}
		out = append(out, state.Alert{
			Condition: byReconcile, Subject: d.Name + " " + d.Day, Since: d.At,
			What:   fmt.Sprintf("%s of %s do not agree with what is booked", d.Name, d.Day),
			Why:    fmt.Sprintf("%s, the largest of %s.", plural(d.Differences, "difference"), together(off)),
			Remedy: "The list says of each record why: kopru reconcile " + d.Name + " --from " + d.Day + ", or its page.",
			Path:   "/reconciliation?" + url.Values{"name": {d.Name}, "from": {d.Day}}.Encode(),
		})
	}
	return out, err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// together writes 12.50 EUR and 3.00 USD.
func together(off []state.Off) string {
	texts := make([]string, len(off))
	for i, o := range off {
		texts[i] = o.String()
	}
	return strings.Join(texts, " and ")
}

func moreThanACent(off string) bool {
	d, _, err := apd.NewFromString(off)
	return err == nil && d.Abs(d).Cmp(apd.New(1, -2)) > 0
}

// reconcile compares yesterday, once it is time to. It takes a while, and so goes on beside.
func (g *Guard) reconcile(ctx context.Context) {
	for _, a := range g.Project().Alerts {
		for _, def := range a.Reconcile {
			now := g.Now().In(def.Zone)
			day := time.Date(now.Year(), now.Month(), now.Day()-1, 0, 0, 0, 0, def.Zone)
			if now.Before(day.AddDate(0, 0, 1).Add(a.ReconcileAt)) || !g.mayCompare(ctx, def.Name, day.Format(time.DateOnly)) {
				continue
			}
			g.compare.Go(func() {
				defer func() { <-g.busy }()
				if _, err := g.Runner.ReconcileAndKeep(ctx, def, day, day); err != nil && ctx.Err() == nil {
					g.Log.Error("a day could not be compared", "reconcile", def.Name, "day", day.Format(time.DateOnly), "error", err)
				}
			})
		}
	}
}

// mayCompare tells whether a day is to be compared now, and takes the turn if so.
func (g *Guard) mayCompare(ctx context.Context, name, day string) bool {
	if g.busy == nil {
		g.busy, g.tried = make(chan struct{}, 1), map[string]time.Time{}
	}
	done, err := g.Store.Reconciled(ctx, day)
	if err != nil || slices.ContainsFunc(done, func(r state.Reconciled) bool { return r.Name == name && r.Day == day }) ||
		g.Now().Sub(g.tried[name]) < tryAgain {
		return false
	}
	select {
	case g.busy <- struct{}{}:
		g.tried[name] = g.Now()
		return true
	default:
		return false
	}
}
