package pipelines

import (
	"testing"
	"time"
)

// TestHours: opening hours over midnight, over each other and over the change of the clock.
func TestHours(t *testing.T) {
	t.Parallel()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	hours := func(all ...string) (h Hours) {
		for _, text := range all {
			s, err := parseSpan(text)
			if err != nil {
				t.Fatal(err)
			}
			h = append(h, s)
		}
		return h
	}
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, amsterdam)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	shop := hours("mon-fri 09:00-18:00", "thu 17:00-21:00", "sat 10:00-17:00")
	night := hours("22:00-07:00")
	for _, c := range []struct {
		hours Hours
		at    string
		want  bool
	}{
		{shop, "2026-03-26 20:59", true},
		{shop, "2026-03-26 21:00", false},
		{shop, "2026-03-27 18:00", false},
		{shop, "2026-03-29 12:00", false},
		{night, "2026-03-26 23:00", true},
		{night, "2026-03-26 06:59", true},
		{night, "2026-03-26 07:00", false},
		{hours("fri 22:00-02:00"), "2026-03-28 01:00", true},
		{hours("fri 22:00-02:00"), "2026-03-27 01:00", false},
		{hours("sat-mon 00:00-24:00"), "2026-03-29 23:59", true},
		{hours("sat-mon 00:00-24:00"), "2026-03-31 00:00", false},
		{nil, "2026-03-31 00:00", false},
	} {
		if got := c.hours.Contain(at(c.at)); got != c.want {
			t.Errorf("%v at %s: %v", c.hours, c.at, got)
		}
	}
	for _, c := range []struct {
		hours    Hours
		from, to string
		want     time.Duration
	}{
		{shop, "2026-03-26 16:00", "2026-03-26 22:00", 5 * time.Hour},  // Thursday, the spans lie over each other
		{shop, "2026-03-27 17:30", "2026-03-28 10:30", time.Hour},      // over a night
		{night, "2026-03-28 21:00", "2026-03-29 12:00", 8 * time.Hour}, // an hour is lost to the summer
		{nil, "2026-03-26 16:00", "2026-03-26 22:00", 6 * time.Hour},
	} {
		if got := c.hours.Of(at(c.from), at(c.to)); got != c.want {
			t.Errorf("%s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
