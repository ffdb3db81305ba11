package mpluskassa

import "time"

// moment writes a time as the shop's clock shows it.
func (t *till) moment(name string, at time.Time) *element {
	at = at.In(t.shop.Zone)
	_, offset := at.Zone()
	dst, zone := at.IsDST(), offset/60
	if t.opts.ZeroTimezone {
		dst, zone = false, 0
	}
	return el(
		name, val("sec", at.Second()), val("min", at.Minute()), val("hour", at.Hour()), val("day", at.Day()),
		val("mon", int(at.Month())),
		val("year", at.Year()), val("isdst", dst), val("timezone", zone),
	)
}

func (t *till) date(name string, at time.Time) *element {
	at = at.In(t.shop.Zone)
	return el(name, val("day", at.Day()), val("mon", int(at.Month())), val("year", at.Year()))
}

// readDate reads a date or the date of a moment; a part that is 0 makes it no date.
func (t *till) readDate(e *element) (time.Time, bool) {
	y, m, d := e.num("year"), e.num("mon"), e.num("day")
	if y == 0 || m == 0 || d == 0 {
		return time.Time{}, false
	}
	hour, minute, second := int(e.num("hour")), int(e.num("min")), int(e.num("sec"))
	return time.Date(int(y), time.Month(m), int(d), hour, minute, second, 0, t.shop.Zone), true
}

// day is a date as one number that sorts.
func (t *till) day(at time.Time) int {
	at = at.In(t.shop.Zone)
	return at.Year()*10000 + int(at.Month())*100 + at.Day()
}

// stored reads a moment back that the till wrote itself.
func (t *till) stored(e *element) time.Time {
	at, _ := t.readDate(e)
	return at
}
