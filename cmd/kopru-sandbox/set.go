package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/mpluskassa"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
)

// quirks are what the contracts leave open, or a real installation is known to do. --set chooses among them.
type quirks struct {
	till mpluskassa.Options
	erp  vismanet.Options
}

// choices are the values of the quirks that have only some.
func choices() map[string][]string {
	return map[string][]string{
		"mpluskassa.controls":              {mpluskassa.ControlsRaw, mpluskassa.ControlsReference},
		"vismanet.email_filter":            {"exact", "contains", "ignored"},
		"vismanet.location_host":           {"same", "other"},
		"vismanet.date_shape":              {"mixed", "zulu", "local", "offset"},
		"vismanet.customer_address":        {"country", "full", "none"},
		"vismanet.number_without_override": {"ignored", "refused"},
		"vismanet.order_filter":            {"contains", "exact"},
		"vismanet.expand_default":          {"on", "off"},
	}
}

// fields are the quirks by name: mpluskassa.strict, vismanet.email_filter. What has a flag of its own is not among them.
func (q *quirks) fields() map[string]reflect.Value {
	own := []string{"ident", "secret", "latency", "now", "client_id", "client_secret", "tenant_id"}
	out := map[string]reflect.Value{}
	for system, options := range map[string]any{"mpluskassa": &q.till, "vismanet": &q.erp} {
		v := reflect.ValueOf(options).Elem()
		for i := range v.NumField() {
			name := snake(v.Type().Field(i).Name)
			if !slices.Contains(own, name) && !strings.HasPrefix(name, "base_") {
				out[system+"."+name] = v.Field(i)
			}
		}
	}
	return out
}

// snake is MaxPageSize as max_page_size.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// set takes name=value.
func (q *quirks) set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	fields := q.fields()
	field, known := fields[name]
	switch allowed := choices()[name]; {
	case !ok:
		return fmt.Errorf("%q is not name=value", text)
	case !known:
		return fmt.Errorf("there is no %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	case allowed != nil && !slices.Contains(allowed, value):
		return fmt.Errorf("%s is one of %s, not %q", name, strings.Join(allowed, ", "), value)
	}
	var err error
	switch v := field.Addr().Interface().(type) {
	case *bool:
		*v, err = strconv.ParseBool(value)
	case *int:
		*v, err = strconv.Atoi(value)
	case *time.Duration:
		*v, err = time.ParseDuration(value)
	case *[]string:
		*v = strings.Split(value, ",")
	default:
		field.SetString(value)
	}
	if err != nil {
		return fmt.Errorf("%s takes a %s, not %q", name, field.Type(), value)
	}
	return nil
}
