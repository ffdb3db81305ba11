package mpluskassa

import (
	"maps"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Fields of an installation's own come as a list of names with values of several kinds. A pipeline sees them as an
// object by name, so that it compares and writes just those that it sets.

// customKinds are the elements that hold a value, by the data type that uses them.
func customKinds() map[string]string {
	return map[string]string{
		"DATA-TYPE-STRING": "strValue", "DATA-TYPE-INT": "intValue", "DATA-TYPE-DECIMAL": "intValue",
		"DATA-TYPE-BOOL": "boolValue", "DATA-TYPE-DATE": "dateValue", "DATA-TYPE-DATETIME": "dateTimeValue",
		"DATA-TYPE-MULTISELECTINT": "multiSelectInt",
	}
}

// byName is the object of a list of custom fields.
func byName(list any) map[string]any {
	out := map[string]any{}
	for _, f := range objects(list) {
		name := record.Text(f["fieldName"])
		if v, there := f[customKinds()[record.Text(f["dataType"])]]; there {
			out[name] = v
			continue
		}
		for _, kind := range slices.Sorted(maps.Values(customKinds())) { // whatever the type says, this is what was sent
			if v, there := f[kind]; there {
				out[name] = v
				break
			}
		}
	}
	return out
}

// customList is the list that makes the fields have these values; those in `have` that are not named stay.
func customList(values map[string]any, have any) ([]any, error) {
	var out []any
	types := map[string]string{}
	for _, f := range objects(have) {
		name := record.Text(f["fieldName"])
		if _, replaced := values[name]; !replaced {
			f = maps.Clone(f)
			delete(f, "isRequired") // of the definition, not of the value
			out = append(out, f)
		}
		types[name] = record.Text(f["dataType"])
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f := map[string]any{"fieldName": name, "dataType": "DATA-TYPE-UNKNOWN"} // the installation knows it
		if types[name] != "" {
			f["dataType"] = types[name]
		}
		switch v := values[name].(type) {
		case nil:
		case string:
			kind := customKinds()[types[name]]
			if kind != "dateValue" && kind != "dateTimeValue" {
				kind = "strValue"
			}
			f[kind] = v
		case record.Number:
			f["intValue"] = v
		case bool:
			f["boolValue"] = v
		case []any:
			f["multiSelectInt"] = v
		default:
			return nil, sdk.Invalid("mpluskassa.bad_value", "a custom field holds a text, a number, true, false or a list, not a %s",
				record.Kind(v)).At("customFields." + name)
		}
		out = append(out, f)
	}
	return out, nil
}

// unfold puts an article's customFields where MplusKASSA wants them. `have` is the article as it stands there.
func unfold(article, have map[string]any) error {
	v, there := article["customFields"]
	if !there {
		return nil
	}
	values, _ := v.(map[string]any)
	list, err := customList(values, have["customFieldList"])
	delete(article, "customFields")
	article["customFieldList"] = list
	return err
}

// complete adds to an article what a pipeline sees besides the API's own fields.
func complete(article map[string]any) {
	if list, there := article["customFieldList"]; there {
		article["customFields"] = byName(list)
	}
}

// complement does the same for a product.
func (c *client) complement(product map[string]any) {
	product["groupNumbers"] = sortedNumbers(product["groupNumbers"])
	for _, a := range objects(product["articleList"]) {
		complete(a)
	}
}

// sortedNumbers puts numbers whose order means nothing into one that is always the same: that of their texts, which
// pipelines can make too.
func sortedNumbers(v any) []any {
	out, _ := v.([]any)
	out = slices.Clone(out)
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(record.Text(a), record.Text(b)) })
	if out == nil {
		out = []any{}
	}
	return out
}
