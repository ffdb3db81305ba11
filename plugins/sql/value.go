package sql

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const mostShown = 60 // bytes of a value in a message

// kind is what a column holds, as far as a record knows a difference.
type kind int

const (
	kindText    kind = iota
	kindInteger      // of any size
	kindDecimal
	kindFloat // binary: what is written must survive it
	kindBool
	kindDate
	kindInstant // a time with a zone
	kindLocal   // a time without one: the connection's setting says which
	kindUUID
	kindBytes // base64 in a record
	kindJSON
	kindList // an array
	kindAny  // SQLite: each value has a type of its own
)

var kindNames = [...]string{
	"text", "integer", "decimal", "decimal (binary)", "bool", "date", "time with a zone", "time", "UUID", "bytes in base64", "JSON", "list", "anything",
}

func (k kind) String() string { return kindNames[k] }

// column is a column of a table, view or query.
type column struct {
	name string
	typ  string // the database's own words: "numeric(12,2)"
	kind kind
	auto bool // the database numbers it
	key  int  // its place in the primary key, from 1; 0 = not in it
	zone *time.Location
	time string // the layout that times are written in
}

// scale is how many decimals a column keeps, -1 when it does not say.
func (c column) scale() int {
	_, size, found := strings.Cut(c.typ, "(")
	if !found || c.kind != kindDecimal {
		return -1
	}
	_, scale, found := strings.Cut(strings.TrimRight(size, ") abcdefghijklmnopqrstuvwxyz"), ",")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(scale))
	if err != nil {
		return -1
	}
	return n
}

// padded tells whether the database fills a text up with spaces, which are no part of it.
func (c column) padded() bool {
	name := baseType(c.typ)
	return c.kind == kindText && (name == "char" || name == "character" || name == "nchar" || name == "bpchar")
}

// baseType is a type's name without sizes, in lower case: "numeric" of "NUMERIC(12,2)".
func baseType(typ string) string {
	name, _, _ := strings.Cut(strings.ToLower(typ), "(")
	return strings.TrimSpace(name)
}

var (
	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

	// timeForms are how databases write times, with a zone and without one.
	zonedForms = []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999 -07:00",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02 15:04:05.999999999 -0700 MST",
	}
	localForms = []string{
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly,
	}
)

// decode makes a record's value of what the database gave. It fails when it has none of its column's kind.
func (c column) decode(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	text := asText(v)
	unfit := func() error {
		return fmt.Errorf("%s is %q, which is no %s", c.name, sdk.Brief(text, mostShown), c.kind)
	}
	switch c.kind {
	case kindText:
		if c.padded() {
			text = strings.TrimRight(text, " ")
		}
		return text, nil
	case kindInteger:
		i, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return nil, unfit()
		}
		return record.Number(i.String()), nil
	case kindDecimal, kindFloat:
		d, _, err := apd.NewFromString(text)
		if err != nil || d.Form != apd.Finite {
			return nil, unfit()
		}
		if c.kind == kindFloat && strings.ContainsAny(text, "eE") {
			return record.Number(text), nil // three hundred zeros help nobody
		}
		return record.FromDecimal(d), nil
	case kindBool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b, nil
		} else if text == "\x00" || text == "\x01" {
			return text == "\x01", nil
		}
		return nil, unfit()
	case kindDate, kindInstant, kindLocal:
		if strings.HasPrefix(text, "0000-00-00") {
			return nil, nil // how MySQL says that there is none
		}
		t, err := c.parseTime(text)
		if err != nil {
			return nil, unfit()
		}
		if c.kind == kindDate {
			return t.Format(time.DateOnly), nil
		}
		return t.Format(time.RFC3339Nano), nil
	case kindUUID:
		return strings.ToLower(text), nil
	case kindBytes:
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case kindJSON, kindList:
		out, err := record.Decode([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%s is no sound JSON: %w", c.name, err)
		}
		return out, nil
	}
	switch v.(type) { // kindAny
	case int64, float64:
		return column{name: c.name, kind: kindFloat}.decode(v)
	case []byte:
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case bool:
		return v, nil
	}
	return text, nil
}

func (c column) parseTime(text string) (time.Time, error) {
	for _, form := range zonedForms {
		if t, err := time.Parse(form, text); err == nil {
			if c.kind == kindInstant {
				return t.UTC(), nil
			}
			return t.In(c.zone), nil
		}
	}
	zone := c.zone
	if c.kind == kindInstant { // MySQL writes none: all connections are in UTC
		zone = time.UTC
	}
	for _, form := range localForms {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", sdk.Brief(text, mostShown))
}

// asText is what the drivers give, as the database would write it.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// encode makes what the driver takes of a record's value: nil, int64, float64, bool, string or []byte. It fails when the
// column could not hold exactly that.
func (c column) encode(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	unfit := func() error { return fmt.Errorf("%s is %s; the column holds %s", c.name, shown(v), c.kind) }
	text, isText := v.(string)
	number, isNumber := v.(record.Number)
	if isNumber {
		text = string(number)
	}
	switch c.kind {
	case kindText:
		if !isText && !isNumber {
			return nil, unfit()
		}
		return text, nil
	case kindInteger, kindDecimal, kindFloat:
		if !isText && !isNumber {
			return nil, unfit()
		}
		d, _, err := apd.NewFromString(text)
		if err != nil || d.Form != apd.Finite {
			return nil, unfit()
		}
		return c.encodeNumber(d)
	case kindBool:
		if _, isBool := v.(bool); !isBool {
			return nil, unfit()
		}
		return v, nil
	case kindDate:
		if _, err := time.Parse(time.DateOnly, text); err != nil || !isText {
			return nil, fmt.Errorf("%s is %s; a date is needed, such as 2026-01-31", c.name, shown(v))
		}
		return text, nil
	case kindInstant, kindLocal:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || !isText {
			return nil, fmt.Errorf("%s is %s; a time with its zone is needed, such as 2026-01-31T09:30:00+01:00", c.name, shown(v))
		}
		if c.kind == kindInstant {
			return t.UTC().Format(c.time), nil
		}
		return t.In(c.zone).Format(c.time), nil
	case kindUUID:
		if !isText || !uuidForm.MatchString(text) {
			return nil, unfit()
		}
		return strings.ToLower(text), nil
	case kindBytes:
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !isText {
			return nil, unfit()
		}
		return data, nil
	case kindJSON, kindList:
		if _, ok := v.([]any); !ok && c.kind == kindList {
			return nil, unfit()
		}
		data, err := record.Encode(v)
		return string(data), err
	}
	switch v := v.(type) { // kindAny
	case bool:
		return v, nil
	case record.Number:
		d, err := v.Decimal()
		if err != nil {
			return nil, unfit()
		}
		if i, err := d.Int64(); err == nil {
			return i, nil
		}
		return column{name: c.name, kind: kindFloat}.encodeNumber(d)
	case string:
		return v, nil
	}
	return nil, unfit()
}

func (c column) encodeNumber(d *apd.Decimal) (any, error) {
	switch c.kind {
	case kindFloat:
		f, err := strconv.ParseFloat(d.Text('g'), 64)
		if err == nil && !math.IsInf(f, 0) {
			if back, _, err := apd.NewFromString(strconv.FormatFloat(f, 'g', -1, 64)); err == nil && back.Cmp(d) == 0 {
				return f, nil
			}
		}
		return nil, fmt.Errorf("%s is %s; the column holds binary numbers (%s), which can't keep all of its digits", c.name, d.Text('f'), c.typ)
	case kindInteger:
		if i, err := d.Int64(); err == nil {
			return i, nil
		}
		if exponent(d) < 0 {
			return nil, fmt.Errorf("%s is %s; the column holds integers", c.name, d.Text('f'))
		}
		return d.Text('f'), nil
	}
	if scale := c.scale(); scale >= 0 && -exponent(d) > scale {
		return nil, fmt.Errorf("%s is %s; the column (%s) keeps %d decimals: round it before", c.name, d.Text('f'), c.typ, scale)
	}
	return d.Text('f'), nil
}

// exponent is a number's, without the zeros at its end.
func exponent(d *apd.Decimal) int {
	var reduced apd.Decimal
	reduced.Reduce(d)
	return int(reduced.Exponent)
}

// shown is a value for a message, without more of it than helps.
func shown(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return record.Kind(v)
	}
	return sdk.Brief(string(data), mostShown)
}

// canonical is a value in the form in which it would be read back.
func (c column) canonical(v any) (any, error) {
	arg, err := c.encode(v)
	if err != nil {
		return nil, err
	}
	return c.decode(arg)
}
