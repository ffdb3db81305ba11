package mpluskassa

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/record"
)

// maxDecimals is how many decimals a quantity may have.
const maxDecimals = 6

// whole reads an integer as the wire has it.
func whole(s string) (int64, error) {
	i, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return i, nil
}

func isWhole(s string) bool {
	_, err := whole(s)
	return err == nil
}

// shifted is i with its point moved: 1995 with two decimals is 19.95.
func shifted(i int64, decimals int) record.Number {
	return record.FromDecimal(apd.New(i, -int32(decimals)))
}

// percentage is i with its point moved and no zeros behind it: 2100 with two decimals is 21.
func percentage(i int64, decimals int) record.Number {
	d := apd.New(i, -int32(decimals))
	d.Reduce(d)
	if d.Exponent > 0 || d.IsZero() {
		return record.Int(i / pow10(decimals))
	}
	return record.FromDecimal(d)
}

func pow10(n int) int64 {
	out := int64(1)
	for range n {
		out *= 10
	}
	return out
}

// unscaled takes a number's point away: 19.95 is 1995 with two decimals. It uses at least `least` decimals.
func unscaled(n record.Number, least, most int) (value int64, decimals int, err error) {
	d, err := bounded(n)
	if err != nil {
		return 0, 0, err
	}
	d.Reduce(d)
	decimals = max(least, -int(d.Exponent))
	if decimals > most {
		return 0, 0, fmt.Errorf("%s has more than %d decimals", n, most)
	}
	d.Exponent += int32(decimals)
	value, err = d.Int64()
	if err != nil {
		return 0, 0, fmt.Errorf("%s is too big", n)
	}
	return value, decimals, nil
}

// bounded is the decimal, unless writing it out would take a page.
func bounded(n record.Number) (*apd.Decimal, error) {
	d, err := n.Decimal()
	if err != nil {
		return nil, err
	}
	if d.Form != apd.Finite || d.Exponent > 40 || d.Exponent < -40 {
		return nil, fmt.Errorf("%.60q is not a number that fits", string(n))
	}
	return d, nil
}

// ---- dates and moments

// decodeDate reads three numbers; a 0 among them means that there is no date.
func decodeDate(n *node) (any, error) {
	var year, month, day int64
	if err := n.ints(map[string]*int64{"year": &year, "mon": &month, "day": &day}); err != nil {
		return nil, err
	}
	if year == 0 || month == 0 || day == 0 {
		return nil, nil
	}
	t := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if t.Day() != int(day) || t.Month() != time.Month(month) || year < 0 || year > 9999 {
		return nil, fmt.Errorf("there is no day %d-%d-%d", year, month, day)
	}
	return t.Format(time.DateOnly), nil
}

// decodeMoment reads a wall clock. An offset other than 0 is taken at its word; 0 proves nothing, because old clients
// write it whatever the clock says, and then the clock is that of the installation's zone, summer time as told.
func decodeMoment(n *node, zone *time.Location) (any, error) {
	var year, month, day, hour, minute, second, offset int64
	err := n.ints(map[string]*int64{
		"year": &year, "mon": &month, "day": &day, "hour": &hour, "min": &minute, "sec": &second, "timezone": &offset,
	})
	if err != nil || year == 0 || month == 0 || day == 0 {
		return nil, err
	}
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return nil, fmt.Errorf("there is no time %d:%d:%d", hour, minute, second)
	}
	if _, err := decodeDate(n); err != nil {
		return nil, err
	}
	wall := time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), int(second), 0, time.UTC)
	if offset != 0 && offset > -24*60 && offset < 24*60 {
		return wall.Add(-time.Duration(offset) * time.Minute).In(zone).Format(time.RFC3339), nil
	}
	dst := n.value("isdst")
	return inZone(wall, zone, dst == "true" || dst == "1").Format(time.RFC3339), nil
}

// inZone is the moment at which the zone's clock shows wall. An hour that comes twice is told apart by summer; one
// that is skipped is counted on from before the jump.
func inZone(wall time.Time, zone *time.Location, summer bool) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(zone)
	second := wall.Add(-time.Duration(after) * time.Second).In(zone)
	firstFits, secondFits := sameClock(first, wall), sameClock(second, wall)
	switch {
	case firstFits && secondFits:
		if first.IsDST() == summer {
			return first
		}
		return second
	case secondFits:
		return second
	}
	return first
}

func sameClock(t, wall time.Time) bool {
	return t.Format(time.DateTime) == wall.Format(time.DateTime)
}

// ints reads children as whole numbers; one that is missing or empty is 0.
func (n *node) ints(into map[string]*int64) error {
	for name, to := range into {
		s := n.value(name)
		if s == "" {
			continue
		}
		i, err := whole(s)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*to = i
	}
	return nil
}

func encodeDate(w *writer, name, value string) error {
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return fmt.Errorf("%q is not a date such as 2026-01-31", value)
	}
	w.open(name)
	w.leaf("day", strconv.Itoa(t.Day()))
	w.leaf("mon", strconv.Itoa(int(t.Month())))
	w.leaf("year", strconv.Itoa(t.Year()))
	w.close(name)
	return nil
}

// encodeMoment writes the installation's clock with its true offset.
func encodeMoment(w *writer, name, value string, zone *time.Location) error {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return fmt.Errorf("%q is not a moment such as 2026-01-31T13:45:00+01:00", value)
	}
	t = t.In(zone)
	_, offset := t.Zone()
	w.open(name)
	for _, part := range []struct {
		name  string
		value int
	}{
		{"sec", t.Second()},
		{"min", t.Minute()},
		{"hour", t.Hour()},
		{"day", t.Day()},
		{"mon", int(t.Month())},
		{"year", t.Year()},
	} {
		w.leaf(part.name, strconv.Itoa(part.value))
	}
	w.leaf("isdst", strconv.FormatBool(t.IsDST()))
	w.leaf("timezone", strconv.Itoa(offset/60))
	w.close(name)
	return nil
}

// sum adds exactly; less takes away.
func sum(a, b record.Number) (record.Number, error) {
	return reckon(apd.BaseContext.WithPrecision(100).Add, a, b)
}

func less(a, b record.Number) (record.Number, error) {
	return reckon(apd.BaseContext.WithPrecision(100).Sub, a, b)
}

func reckon(by func(d, x, y *apd.Decimal) (apd.Condition, error), a, b record.Number) (record.Number, error) {
	x, err := bounded(a)
	if err != nil {
		return "", err
	}
	y, err := bounded(b)
	if err != nil {
		return "", err
	}
	var out apd.Decimal
	if _, err := by(&out, x, y); err != nil {
		return "", err
	}
	return record.FromDecimal(&out), nil
}
