package vismanet

import (
	"fmt"
	"slices"
	"time"
)

// The dates that a body may carry; without a zone they are UTC.
var momentLayouts = []string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05",
	"2006-01-02",
}

func parseMoment(t string) (time.Time, bool) {
	for _, layout := range momentLayouts {
		if m, err := time.Parse(layout, t); err == nil {
			return m.UTC(), true
		}
	}
	return time.Time{}, false
}

// parseFilterMoment reads a date of a v1 query: no zone letter and no offset is accepted there.
func parseFilterMoment(t string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if m, err := time.Parse(layout, t); err == nil {
			return m, nil
		}
	}
	const allowed = "yyyy-MM-dd, yyyy-MM-dd HH:mm:ss and yyyy-MM-dd HH:mm:ss.FFF"
	return time.Time{}, fmt.Errorf("the date %q is not valid. Allowed formats are %s", t, allowed)
}

// compareMoment applies a condition of a query, which has been checked.
func compareMoment(m time.Time, condition string, to time.Time) bool {
	switch condition {
	case ">":
		return m.After(to)
	case ">=":
		return !m.Before(to)
	case "<":
		return m.Before(to)
	}
	return !m.After(to)
}

func checkCondition(condition string) error {
	if !slices.Contains([]string{">", "<", ">=", "<="}, condition) {
		return fmt.Errorf("the condition %q is not one of >, <, >=, <=", condition)
	}
	return nil
}

// DateShape is how the ERP API writes a time.
type DateShape string

// The three shapes seen in its answers, and all of them mixed as the real one does.
const (
	DateMixed  DateShape = "mixed"
	DateZulu   DateShape = "zulu"
	DateLocal  DateShape = "local"
	DateOffset DateShape = "offset"
)

var shapes = []DateShape{DateZulu, DateLocal, DateOffset}

// instant writes a point in time. Mixed takes the shape from the value, so that one record always reads the same.
func (s *Server) instant(t time.Time) string {
	t = t.UTC()
	shape := s.opts.DateShape
	if shape == DateMixed {
		shape = shapes[int(t.Unix()+int64(t.Nanosecond()/1e6))%len(shapes)]
	}
	switch shape {
	case DateLocal:
		return t.Format("2006-01-02T15:04:05.999")
	case DateOffset:
		return t.In(s.zone).Format("2006-01-02T15:04:05.999-07:00")
	}
	return t.Format("2006-01-02T15:04:05.999Z")
}

// day writes a date; its clock is midnight whatever the shape.
func (s *Server) day(t time.Time) string {
	midnight := t.UTC().Format("2006-01-02T00:00:00")
	shape := s.opts.DateShape
	if shape == DateMixed {
		shape = shapes[t.UTC().YearDay()%len(shapes)]
	}
	switch shape {
	case DateOffset:
		y, m, d := t.UTC().Date()
		return midnight + time.Date(y, m, d, 0, 0, 0, 0, s.zone).Format("-07:00")
	case DateZulu:
		return midnight + "Z"
	}
	return midnight
}

// utc writes a time of the Sales Order Service.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

func utcOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return utc(*t)
}
