package run

import (
	"fmt"
	"strings"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// exact refuses hits that are not what was asked for: a connector owes exact ones, and a record that was found by half
// a name would be overwritten with somebody else's. Letter case and blanks don't count; some systems pass over them.
func exact(address, entity string, q *protocol.Query, hits []*protocol.Found) error {
	match, _ := record.DecodeObject(q.GetMatch()) // nil when it asks by id
	for _, hit := range hits {
		if q.GetId() != "" && !alike(hit.GetId(), q.GetId()) {
			return invalid("lookup.not_exact", "the connector of %s was asked for the %s %s and answered with %s; "+
				"it must be corrected before its answers can be used", address, entity, q.GetId(), hit.GetId())
		}
		fields, err := record.DecodeObject(hit.GetFields())
		if err != nil {
			continue // told where they are used
		}
		for name, want := range match {
			have, there := fields[name]
			if there && !alike(have, want) && !within(fields, want) {
				return invalid("lookup.not_exact", "the connector of %s was asked for a %s whose %s is %v and answered with %s, where it is %v; "+
					"it must be corrected before its answers can be used", address, entity, name, want, hit.GetId(), have)
			}
		}
	}
	return nil
}

func alike(a, b any) bool {
	return record.Equal(a, b) || strings.EqualFold(strings.TrimSpace(fmt.Sprint(a)), strings.TrimSpace(fmt.Sprint(b)))
}

// within tells whether a value stands anywhere in a record: an item is also found by a number that is only among its
// barcodes.
func within(v, want any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			if within(inner, want) {
				return true
			}
		}
		return false
	case []any:
		for _, inner := range v {
			if within(inner, want) {
				return true
			}
		}
		return false
	}
	return v != nil && alike(v, want)
}

// judged is one operation's result, or what is wrong with it. A create that is answered without an id, where there
// should be one, says too little: whether it stands there is for the target to tell.
func judged(address string, entity *protocol.Entity, op *protocol.Op, results []*protocol.Result) (*protocol.Result, error) {
	unclear := func(code, format string, args ...any) error {
		return &host.Failure{
			Class: protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS, Code: code, Message: fmt.Sprintf(format, args...),
		}
	}
	if len(results) != 1 {
		return nil, unclear("connector.bad_results", "the connector of %s gave %d results for one operation", address, len(results))
	}
	r := results[0]
	if err := host.AsError(r.GetFailure(), r.GetExchanges()); err != nil {
		return nil, err
	}
	if op.GetOperation() == protocol.Operation_OPERATION_CREATE && entity.GetIdField() != "" && r.GetId() == "" {
		return nil, unclear("connector.no_id", "the connector of %s says that the %s was created, and not as which", address, entity.GetName())
	}
	return r, nil
}
