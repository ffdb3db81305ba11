package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
)

// zones keeps time zones, which are files on disk.
type zones struct{ known sync.Map }

func (z *zones) load(name any) (*time.Location, error) {
	if v, ok := z.known.Load(name); ok {
		return v.(*time.Location), nil
	}
	s, ok := name.(string)
	if !ok {
		return nil, fmt.Errorf("a time zone is a text such as Europe/Amsterdam, not %s", kind(name))
	}
	location, err := time.LoadLocation(s)
	if err != nil || s == "Local" { // the same answer on every machine
		return nil, fmt.Errorf("there is no time zone %q; write it like Europe/Amsterdam", s)
	}
	z.known.Store(name, location) // there are some hundreds in all
	return location, nil
}

func (z *zones) judge(name any) error {
	_, err := z.load(name)
	return err
}

// layout judges one: it has some of the parts, and none as other languages write them.
func layout(parts ...string) func(any) error {
	return func(v any) error {
		text, _ := v.(string)
		has := func(part string) bool { return strings.Contains(text, part) }
		if !slices.ContainsFunc(parts, has) || slices.ContainsFunc([]string{"yyyy", "dd", "HH", "SS", "%Y", "2006"}, has) {
			return fmt.Errorf("the layout %q is not made of %s", text, strings.Join(parts, ", "))
		}
		return nil
	}
}

func timeFunctions() []Function {
	var known zones
	return []Function{
		{
			Name: "date", Doc: "The day of a point in time, in a zone (default UTC).",
			Example: `date("2026-12-31T23:30:00Z", "Europe/Amsterdam")`, Result: `"2027-01-01"`, Min: 1, Max: 2, Returns: String,
			Judge: map[int]func(any) error{1: known.judge},
			Call:  func(args []any) (any, error) { return known.format(args, "YYYY-MM-DD") },
		},
		{
			Name: "formatdate", Doc: "A point in time in a layout of YYYY MM DD hh mm ss, in a zone (default UTC).",
			Example: `formatdate("DD-MM-YYYY hh:mm", "2026-01-31T09:05:00Z")`, Result: `"31-01-2026 09:05"`, Min: 2, Max: 3, Returns: String,
			Judge: map[int]func(any) error{0: layout("YYYY", "MM", "DD", "hh", "mm", "ss"), 2: known.judge},
			Call: func(args []any) (any, error) {
				layout, ok := args[0].(string)
				if !ok {
					return nil, errors.New("the first argument is the layout")
				}
				return known.format(args[1:], layout)
			},
		},
		{
			Name: "parsedate", Doc: "The day that a text says in a layout of YYYY MM DD; what it can't read fails.",
			Example: `parsedate("DD-MM-YYYY", "31-01-2026")`, Result: `"2026-01-31"`, Min: 2, Max: 2, Returns: String, Call: parseDate,
			Judge: map[int]func(any) error{0: layout("YYYY", "MM", "DD")},
		},
		{
			Name: "dateadd", Doc: "A day so many days later, or earlier.", Example: `dateadd("2026-01-31", 14)`, Result: `"2026-02-14"`, Min: 2, Max: 2, Returns: String,
			Call: func(args []any) (any, error) {
				if args[0] == nil {
					return nil, nil
				}
				day, err := dayOf(args[0])
				n, ok := toIndex(args[1])
				if err == nil && (!ok || n > mostDays || n < -mostDays) {
					err = errors.New("the number of days is a whole number")
				}
				if err != nil {
					return nil, err
				}
				return day.AddDate(0, 0, int(n)).Format(time.DateOnly), nil
			},
		},
		{
			Name: "datediff", Doc: "How many days the first day is after the second.", Example: `datediff("2026-03-01", "2026-02-27")`, Result: `2`, Min: 2, Max: 2, Returns: Number,
			Call: func(args []any) (any, error) {
				a, err := dayOf(args[0])
				if err != nil {
					return nil, err
				}
				b, err := dayOf(args[1])
				if err != nil {
					return nil, err
				}
				return record.Int(int64(a.Sub(b).Hours() / 24)), nil
			},
		},
	}
}

const mostDays = 1_000_000

// dayOf reads a day, or the day of a time as it is written.
func dayOf(v any) (time.Time, error) {
	s, _ := toText(v)
	day, _, _ := strings.Cut(s, "T")
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return t, fmt.Errorf("%q is no day; write it like 2026-01-31", s)
	}
	return t, nil
}

func parseDate(args []any) (any, error) {
	layout, ok := args[0].(string)
	if args[1] == nil {
		return nil, nil
	}
	s, ok1 := toText(args[1])
	if !ok || !ok1 {
		return nil, errors.New("parsedate takes a layout such as DD-MM-YYYY and a text")
	}
	goLayout := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02").Replace(layout)
	t, err := time.Parse(goLayout, s)
	if err != nil {
		return nil, fmt.Errorf("%q is not written like %s", s, layout)
	}
	return t.Format(time.DateOnly), nil
}

// format writes a point in time; args are the point and maybe the zone. Null stays null. A time without a zone is
// taken to be in the zone.
func (z *zones) format(args []any, layout string) (any, error) {
	location := time.UTC
	if len(args) > 1 {
		var err error
		if location, err = z.load(args[1]); err != nil {
			return nil, err
		}
	}
	if args[0] == nil {
		return nil, nil
	}
	s, _ := toText(args[0])
	for _, shape := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(shape, s, location); err == nil {
			return written(t.In(location), layout), nil
		}
	}
	return nil, fmt.Errorf("%q is no point in time; write it like 2026-01-31T09:05:00+01:00", s)
}

// written fills the layout in. Go's own layouts would take a 1 or a 2 in it for a month or a day.
func written(t time.Time, layout string) string {
	return strings.NewReplacer(
		"YYYY", t.Format("2006"), "MM", t.Format("01"), "DD", t.Format("02"),
		"hh", t.Format("15"), "mm", t.Format("04"), "ss", t.Format("05"),
	).Replace(layout)
}
