package vismanet

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// lineChanges are what makes an order's lines those that are wanted. Lines go by their item, in their order.
type lineChanges struct {
	patch, add []any
	gone       []string // their ids
}

// lineChanges compares the order's lines, as they are now, with those that are wanted. What a wanted line does not
// mention stays as it is.
func (a *orderAPI) lineChanges(have []any, want []any) (lineChanges, error) {
	var out lineChanges
	fields := lineFields()
	left := make([]map[string]any, 0, len(have))
	for _, line := range have {
		m, _ := line.(map[string]any)
		left = append(left, a.codec(false).decode(fields, m))
	}
	for i, line := range want {
		at := "orderLines[" + string(record.Int(int64(i))) + "]"
		m, ok := line.(map[string]any)
		if !ok {
			return out, badValue(at, "an object", line)
		}
		old := take(&left, textOf(m["inventoryId"]))
		if old != nil && len(record.Diff(old, m)) == 0 {
			continue
		}
		c := a.codec(old == nil)
		body, err := c.object(fields, m, at, write)
		if err != nil {
			return out, err
		}
		if old == nil {
			out.add = append(out.add, body)
			continue
		}
		body["lineId"] = old["lineId"]
		out.patch = append(out.patch, body)
	}
	for _, line := range left {
		out.gone = append(out.gone, textOf(line["lineId"]))
	}
	return out, nil
}

// take removes the first line with the item.
func take(lines *[]map[string]any, item string) map[string]any {
	for i, line := range *lines {
		if strings.EqualFold(textOf(line["inventoryId"]), item) {
			*lines = append((*lines)[:i:i], (*lines)[i+1:]...)
			return line
		}
	}
	return nil
}

// updateLines carries the changes out. Each call leaves an order that the next attempt goes on from.
func (a *orderAPI) updateLines(ctx context.Context, t *trail, path, version string, want []any) (newVersion string, err error) {
	have, err := a.lines(ctx, t, path)
	if err != nil {
		return "", err
	}
	changes, err := a.lineChanges(have, want)
	if err != nil {
		return "", err
	}
	var calls []call
	if len(changes.patch) > 0 {
		calls = append(calls, call{method: http.MethodPatch, body: map[string]any{"lines": changes.patch}})
	}
	if len(changes.add) > 0 {
		calls = append(calls, call{method: http.MethodPost, body: map[string]any{"lines": changes.add}})
	}
	if len(changes.gone) > 0 {
		calls = append(calls, call{method: http.MethodDelete, query: url.Values{"ids": changes.gone}})
	}
	for i, r := range calls {
		r.service, r.path, r.version = a.client.orders, path+"/lines", version
		ans, err := a.client.do(ctx, t, r)
		if err != nil {
			if i > 0 {
				f := asFailure(err)
				f.Message = "some of the lines were changed, but not all: " + f.Message
			}
			return "", err
		}
		if version = ans.version; version == "" && i < len(calls)-1 {
			if version, err = a.version(ctx, t, path); err != nil {
				return "", err
			}
		}
	}
	return version, nil
}

// wantedLines takes the lines out of a change.
func wantedLines(in map[string]any) (rest map[string]any, lines []any, err error) {
	v, there := in["orderLines"]
	if !there || v == nil {
		return in, nil, nil
	}
	lines, ok := v.([]any)
	if !ok {
		return nil, nil, badValue("orderLines", "a list", v)
	}
	if len(lines) == 0 {
		return nil, nil, sdk.Invalid("vismanet.bad_value", "an order can't be left without lines; cancel it").At("orderLines")
	}
	rest = map[string]any{}
	for name, value := range in {
		if name != "orderLines" {
			rest[name] = value
		}
	}
	return rest, lines, nil
}
