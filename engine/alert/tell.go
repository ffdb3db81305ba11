package alert

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

const stamp = "2006-01-02 15:04 MST"

// tell sends each alert's news in one message: what is wrong since the last one, and what has passed of what was told.
// What passed before anybody was told is nobody's business.
func (g *Guard) tell(ctx context.Context, wrong, well []state.Alert) error {
	var wrongs []error
	for _, a := range g.Project().Alerts {
		var last time.Time
		var news, passed, gone []state.Alert
		for _, w := range wrong {
			switch {
			case w.Alert != a.Name:
			case !w.Told.IsZero():
				last = later(last, w.Told)
			case w.Condition != byRate || g.Now().Sub(w.Since) >= a.RateLimited:
				news = append(news, w)
			}
		}
		for _, w := range well {
			switch {
			case w.Alert != a.Name:
			case w.Told.IsZero():
				gone = append(gone, w)
			default:
				last = later(last, w.Told)
				passed = append(passed, w)
			}
		}
		wrongs = append(wrongs, g.Store.EndAlerts(ctx, gone))
		if len(news)+len(passed) == 0 || g.Now().Sub(last) < tellEvery || a.Quiet.Contain(g.Now().In(a.Zone)) || g.waits(a.Name) {
			continue
		}
		title, text := g.message(a, news, passed)
		if err := g.sendAll(ctx, a, title, text); err != nil {
			wrongs = append(wrongs, err)
			continue
		}
		for i := range news {
			news[i].Told = g.Now()
		}
		wrongs = append(wrongs, g.Store.PutAlerts(ctx, news), g.Store.EndAlerts(ctx, passed))
	}
	return errors.Join(append(wrongs, g.forget(ctx, well))...)
}

// forget ends what alerts told that are no longer in the definition.
func (g *Guard) forget(ctx context.Context, well []state.Alert) error {
	known := map[string]bool{}
	for _, a := range g.Project().Alerts {
		known[a.Name] = true
	}
	var gone []state.Alert
	for _, w := range well {
		if !known[w.Alert] {
			gone = append(gone, w)
		}
	}
	return g.Store.EndAlerts(ctx, gone)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// waits tells whether an alert could not be told a moment ago.
func (g *Guard) waits(name string) bool { return g.Now().Sub(g.failed[name]) < beatEvery }

// sendAll succeeds when one channel took the message, so that nobody gets it twice.
func (g *Guard) sendAll(ctx context.Context, a *pipelines.Alert, title, text string) error {
	var wrong []error
	for i, to := range a.To {
		if err := g.Send(ctx, to, title, text); err != nil {
			wrong = append(wrong, fmt.Errorf("channel %d of alert %q (%s): %w", i+1, a.Name, Channel(to), err))
		}
	}
	err := errors.Join(wrong...)
	if err == nil || len(wrong) < len(a.To) {
		if err != nil {
			g.Log.Error("an alert did not reach everybody", "error", g.Clean(err.Error()))
		}
		return nil
	}
	if g.failed == nil {
		g.failed = map[string]time.Time{}
	}
	g.failed[a.Name] = g.Now()
	return errors.New(g.Clean(err.Error()))
}

// message is what people read.
func (g *Guard) message(a *pipelines.Alert, news, passed []state.Alert) (title, text string) {
	switch {
	case len(news) == 1:
		title = "Kopru: " + news[0].What
	case len(news) > 1:
		title = fmt.Sprintf("Kopru: %d things are wrong", len(news))
	case len(passed) == 1:
		title = "Kopru: well again: " + passed[0].What
	default:
		title = fmt.Sprintf("Kopru: %d things are well again", len(passed))
	}
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s: %s\n", label, value)
		}
	}
	for _, n := range news {
		fmt.Fprintf(&b, "%s\n", n.What)
		line("Why", n.Why)
		line("Since", n.Since.In(a.Zone).Format(stamp))
		line("What to do", n.Remedy)
		if base := g.URL(); base != "" {
			line("Look", base+n.Path)
		}
		b.WriteByte('\n')
	}
	for _, p := range passed {
		fmt.Fprintf(&b, "Well again: %s\n", p.What)
		line("It was so", "from "+p.Since.In(a.Zone).Format(stamp)+" to about "+p.Seen.In(a.Zone).Format(stamp))
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "This is alert %q.", a.Name)
	if a.Description != "" {
		fmt.Fprintf(&b, " %s", a.Description)
	}
	return title, b.String()
}

// Example is a message as an alert sends it, to see whether it arrives.
func Example(a *pipelines.Alert, base string, now time.Time) (title, text string) {
	g := &Guard{URL: func() string { return base }}
	return g.message(a, []state.Alert{{
		What: "This is a test, nothing is wrong", Why: "Somebody called kopru alert test " + a.Name + ".", Since: now,
		Remedy: "Nothing. When something is wrong, this is where it is said what to do.", Path: "/",
	}}, nil)
}

// Channel is the kind of channel that an address names, which is all of it that may be shown.
func Channel(to string) string {
	scheme, _, _ := strings.Cut(to, ":")
	service, _, _ := strings.Cut(scheme, "+")
	return service
}

// Send sends a message to an address of shoutrrr. Mail goes encrypted unless its server is on this machine.
func Send(ctx context.Context, to, title, text string) error {
	sender, err := shoutrrr.CreateSender(to)
	if err != nil {
		return fmt.Errorf("its address is not as it should be: %w", withoutAddress(err, to))
	}
	params := types.Params{"title": title}
	if u, err := url.Parse(to); err == nil && u.Scheme == "smtp" {
		if !protocol.Loopback(u.Hostname()) {
			params["requirestarttls"] = "Yes"
		}
	}
	sent := make(chan []error, 1)
	go func() { sent <- sender.Send(text, &params) }() // it has a time-out of its own
	select {
	case wrong := <-sent:
		return withoutAddress(errors.Join(wrong...), to)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// withoutAddress takes the address out of an error, since whoever has it may write there.
func withoutAddress(err error, to string) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), to, "•••")
	if u, parseErr := url.Parse(to); parseErr == nil {
		password, _ := u.User.Password()
		for _, part := range []string{u.String(), u.Redacted(), u.Host + u.RequestURI(), u.RequestURI(), password} {
			if len(part) > 3 {
				text = strings.ReplaceAll(text, part, "•••")
			}
		}
	}
	return errors.New(text)
}
