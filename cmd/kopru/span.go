package main

import (
	"fmt"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// maxPartitions is the most pieces that a backfill is cut into.
const maxPartitions = 32

// span is the range of a source that a backfill reads.
type span struct {
	text     string // as it was asked for
	from, to time.Time
	zone     *time.Location
}

// spanOf reads the two ends. A plain date is a whole day in the zone of the source's clock; a moment is exact, and the
// last one is not included. Without an end the range goes up to now: what comes later is for the live run.
func spanOf(p *pipelines.Pipeline, from, to string, now time.Time) (span, error) {
	s := span{text: from + ".." + to, zone: sourceZone(p)}
	var err error
	if from != "" {
		if s.from, err = end("--from", from, s.zone, 0); err != nil {
			return s, err
		}
	}
	switch {
	case to != "":
		if s.to, err = end("--to", to, s.zone, 1); err != nil {
			return s, err
		}
	case from != "":
		s.to = now.Truncate(time.Second)
	}
	if from != "" && !s.from.Before(s.to) {
		if to == "" {
			return s, fmt.Errorf("--from %s is in the future", from)
		}
		return s, fmt.Errorf("--from %s is not before --to %s", from, to)
	}
	return s, nil
}

// sourceZone is the zone of the system that is read, UTC where it has none.
func sourceZone(p *pipelines.Pipeline) *time.Location {
	name, _ := p.Source.Connection.Config["timezone"].(string)
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return time.UTC
}

// end reads one end of a range; after is how many days a plain date is moved by, to include it.
func end(flag, text string, zone *time.Location, after int) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day.AddDate(0, 0, after), nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return moment, fmt.Errorf("%s %s: write a day like 2025-01-31, or a moment like 2025-01-31T12:00:00+01:00", flag, text)
	}
	return moment, nil
}

// pieces cuts the range at midnights, so that no day is in two: by month, by week when it is shorter than two months,
// or into as many as are asked for.
func (s span) pieces(n int) ([]state.Partition, error) {
	if s.from.IsZero() {
		if n > 1 {
			return nil, fmt.Errorf("--partitions needs --from: without a beginning there is nothing to cut")
		}
		return []state.Partition{{To: s.to}}, nil
	}
	if n < 0 || n > maxPartitions {
		return nil, fmt.Errorf("--partitions is from 1 to %d", maxPartitions)
	}
	cuts := s.even(n)
	if n == 0 {
		cuts = s.natural()
	}
	out := []state.Partition{{From: s.from, To: s.to}}
	for _, cut := range cuts {
		if last := &out[len(out)-1]; cut.After(last.From) && cut.Before(s.to) {
			last.To = cut
			out = append(out, state.Partition{From: cut, To: s.to})
		}
	}
	return out, nil
}

// natural cuts at the beginnings of months or weeks.
func (s span) natural() (cuts []time.Time) {
	y, m, d := s.from.In(s.zone).Date()
	next := func(i int) time.Time { return time.Date(y, m+time.Month(i), 1, 0, 0, 0, 0, s.zone) }
	if s.from.In(s.zone).AddDate(0, 2, 0).After(s.to) {
		next = func(i int) time.Time { return time.Date(y, m, d+7*i, 0, 0, 0, 0, s.zone) }
	}
	for i := 1; next(i).Before(s.to); i++ {
		if cuts = append(cuts, next(i)); len(cuts) >= maxPartitions {
			return s.even(maxPartitions)
		}
	}
	return cuts
}

// even cuts into n pieces of about the same number of days.
func (s span) even(n int) (cuts []time.Time) {
	y, m, d := s.from.In(s.zone).Date()
	days := int(s.to.Sub(s.from).Hours()+23) / 24
	for i := 1; i < n; i++ {
		cuts = append(cuts, time.Date(y, m, d+(days*i+n/2)/n, 0, 0, 0, 0, s.zone))
	}
	return cuts
}

// String says the range in words.
func (s span) String() string {
	switch {
	case s.from.IsZero() && s.to.IsZero():
		return "everything"
	case s.from.IsZero():
		return "everything up to " + s.shown(s.to, true)
	}
	return s.shown(s.from, false) + " to " + s.shown(s.to, true) + " (" + s.zone.String() + ")"
}

// shown is a day where that says it all: of an end, the last day that is included.
func (s span) shown(t time.Time, last bool) string {
	t = t.In(s.zone)
	if h, m, sec := t.Clock(); h+m+sec > 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	if last {
		t = t.AddDate(0, 0, -1)
	}
	return t.Format(time.DateOnly)
}
