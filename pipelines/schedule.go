package pipelines

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a container may have none

	"github.com/hashicorp/hcl/v2"
	"github.com/netresearch/go-cron"
)

// Schedule says when a pipeline runs on its own: every so often, or at the times of a cron line; with neither, only
// when it is told to.
type Schedule struct {
	Every    time.Duration // 0 = not this way
	Cron     string        // "" = not this way
	Timezone string        // of Cron, default "UTC"
	Overlap  string        // of a due run while one is under way: "skip" (default) or "queue"

	times cron.Schedule
	place *time.Location
	fixed bool // Cron names hours and minutes, rather than every so many
}

// catchable is how late a run may be that was due while no engine was there. An older one is left to the next.
const catchable = time.Hour

// Scheduled tells whether the pipeline runs on its own.
func (s *Schedule) Scheduled() bool { return s.Every > 0 || s.times != nil }

// Next is the first time after t when a run is due, zero when there is none.
func (s *Schedule) Next(t time.Time) time.Time {
	switch {
	case s.Every > 0:
		return t.Truncate(s.Every).Add(s.Every) // the same on every machine
	case s.times == nil:
		return time.Time{}
	}
	next := s.times.Next(t.In(s.place))
	if s.fixed && repeats(next) {
		next = s.times.Next(next)
	}
	return next
}

// repeats tells whether the clock showed this very time an hour ago already, when it is set back in autumn.
func repeats(t time.Time) bool {
	before := t.Add(-time.Hour)
	return before.Hour() == t.Hour() && before.Minute() == t.Minute()
}

// Due is the latest time up to now when a run was due and that is after last, which was handed out; false when there
// is none, or only one that is too old to be caught up with.
func (s *Schedule) Due(last, now time.Time) (time.Time, bool) {
	if s.Every > 0 {
		due := now.Truncate(s.Every)
		return due, due.After(last)
	}
	if oldest := now.Add(-catchable); last.Before(oldest) {
		last = oldest
	}
	var due time.Time
	for next := s.Next(last); !next.IsZero() && !next.After(now); next = s.Next(next) {
		due = next
	}
	return due, !due.IsZero()
}

// String says it in words: "every 5m", "*/15 8-18 * * 1-5 Europe/Amsterdam".
func (s *Schedule) String() string {
	switch {
	case s.Every > 0:
		return "every " + Words(s.Every)
	case s.Cron != "":
		return s.Cron + " " + s.Timezone
	}
	return "when told to"
}

// Words is a length of time as people write it, without its zeros: 5m, not 5m0s.
func Words(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

const cronDetail = `Write five fields, minute hour day month weekday, such as cron = "*/15 8-18 * * 1-5".`

func (l *loader) schedule(b *body) Schedule {
	s := Schedule{Timezone: "UTC", place: time.UTC}
	s.Every = b.duration("every", 0)
	if s.Every > 0 && s.Every < time.Second {
		l.errorf(b.place("every"), "lang.wrong_value", "Too often", "every is at least \"1s\".")
	}
	s.Cron = b.text("cron", "")
	s.Timezone = b.text("timezone", s.Timezone)
	s.Overlap = b.word("overlap", "skip", "skip", "queue")
	attrs := b.block.Body.Attributes
	if s.Every > 0 && s.Cron != "" {
		l.errorf(attrs["cron"].NameRange, "lang.conflict", "every and cron at once",
			"A pipeline runs every so often, or at the times of a cron line. Remove one of them.")
	}
	if attr := attrs["timezone"]; attr != nil {
		l.zone(&s, attr.Expr.Range())
		if attrs["cron"] == nil {
			l.errorf(attr.NameRange, "lang.conflict", "timezone without cron", "It says where the times of a cron line are meant. Remove it, or add cron.")
		}
	}
	if attr := attrs["overlap"]; attr != nil && attrs["every"] == nil && attrs["cron"] == nil {
		l.errorf(attr.NameRange, "lang.conflict", "overlap without a schedule",
			"It says what happens to a run that is due while one is under way. Add every or cron, or remove it.")
	}
	if s.Cron != "" {
		l.times(&s, b.place("cron"))
	}
	return s
}

func (l *loader) zone(s *Schedule, rng hcl.Range) {
	place, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Timezone == "Local" || s.Timezone == "" { // Local is another one on every machine
		l.errorf(rng, "lang.wrong_value", fmt.Sprintf("%q is no time zone", s.Timezone), `Write it like timezone = "Europe/Amsterdam".`)
		s.Timezone = "UTC"
		return
	}
	s.place = place
}

func (l *loader) times(s *Schedule, rng hcl.Range) {
	var err error
	s.times, err = parseCron(s.Cron)
	if err != nil {
		l.errorf(rng, "lang.wrong_value", "Not a cron line", fmt.Sprintf("%s. %s", err, cronDetail))
		return
	}
	fields := strings.Fields(s.Cron)
	s.fixed = !strings.HasPrefix(fields[0], "*") && !strings.HasPrefix(fields[1], "*")
	if s.times.Next(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		l.errorf(rng, "lang.wrong_value", "This cron line never comes", "No day of any year fits it. "+cronDetail)
	}
}

// parser reads what every cron understands: where both day and weekday are given, either will do.
var parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)

// parseCron guards the parser, which does not expect a text from a stranger.
func parseCron(text string) (times cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			times, err = nil, fmt.Errorf("it can't be read")
		}
	}()
	if strings.Contains(text, "TZ=") {
		return nil, fmt.Errorf("the time zone has an attribute of its own, timezone")
	}
	if len(text) > 200 || slices.Contains(strings.Fields(text), "?") {
		return nil, fmt.Errorf("it has something that is not understood")
	}
	return parser.Parse(text)
}
