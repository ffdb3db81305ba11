package pipelines

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hours are parts of a week, such as those in which a shop is open. They may lie over each other.
type Hours []Span

// Span is the same hours on some days. One that ends before it begins goes on into the next day.
type Span struct {
	Days     [7]bool // from Sunday
	From, To time.Duration
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseSpan reads "mon-fri 09:00-18:00", "sat,sun 10:00-16:00" or "22:00-07:00", which is every day.
func parseSpan(text string) (s Span, err error) {
	days, hours, some := strings.Cut(strings.TrimSpace(strings.ToLower(text)), " ")
	if !some {
		days, hours = "sun-sat", days
	}
	for part := range strings.SplitSeq(days, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if from < 0 || to < 0 {
			return s, fmt.Errorf("%q is no day; the days are %s", part, strings.Join(weekdays, ", "))
		}
		for day := from; ; day = (day + 1) % 7 {
			s.Days[day] = true
			if day == to {
				break
			}
		}
	}
	from, to, _ := strings.Cut(strings.TrimSpace(hours), "-")
	if s.From, err = clockTime(from); err != nil {
		return s, err
	}
	s.To, err = clockTime(to)
	return s, err
}

// clockTime is how long after midnight "09:30" is. A day ends at 24:00.
func clockTime(text string) (time.Duration, error) {
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// Contain tells whether a time, by the clock of its zone, is among them. No hours contain nothing.
func (h Hours) Contain(t time.Time) bool {
	return slices.ContainsFunc(h, func(s Span) bool {
		for _, back := range []int{0, 1} { // that began today, or yesterday
			if from, to, ok := s.on(t.AddDate(0, 0, -back)); ok && !t.Before(from) && t.Before(to) {
				return true
			}
		}
		return false
	})
}

// on is when the span begins and ends that begins on the day of t.
func (s *Span) on(t time.Time) (from, to time.Time, ok bool) {
	if !s.Days[t.Weekday()] {
		return from, to, false
	}
	at := func(day int, d time.Duration) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+day, int(d/time.Hour), int(d/time.Minute)%60, 0, 0, t.Location())
	}
	if s.To > s.From {
		return at(0, s.From), at(0, s.To), true
	}
	return at(0, s.From), at(1, s.To), true
}

// longest is how far back Of looks.
const longest = 60

// Of is how much of the time between two moments lies within the hours, by the clock of their zone. No hours are all
// the time.
func (h Hours) Of(from, to time.Time) time.Duration {
	if len(h) == 0 {
		return to.Sub(from)
	}
	if first := to.AddDate(0, 0, -longest); from.Before(first) {
		from = first
	}
	var edges []time.Time // begin, end, begin, end …
	for day := from.AddDate(0, 0, -1); !day.After(to.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		for i := range h {
			if a, b, ok := h[i].on(day); ok {
				edges = append(edges, a, b)
			}
		}
	}
	spans := slices.SortedFunc(func(yield func([2]time.Time) bool) {
		for pair := range slices.Chunk(edges, 2) {
			if !yield([2]time.Time(pair)) {
				return
			}
		}
	}, func(a, b [2]time.Time) int { return a[0].Compare(b[0]) })
	var sum time.Duration
	for _, s := range spans {
		if s[0].Before(from) {
			s[0] = from
		}
		if s[1].After(to) {
			s[1] = to
		}
		if d := s[1].Sub(s[0]); d > 0 {
			sum += d
			from = s[1] // what lies over it is not counted twice
		}
	}
	return sum
}
