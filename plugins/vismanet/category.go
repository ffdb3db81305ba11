package vismanet

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// pathSeparator stands between the names of a category's path.
const pathSeparator = " > "

// deepest is how deep a tree of categories is followed; one that is deeper goes in a circle.
const deepest = 50

// salesCategory is a node of the tree of sales categories, which the API only reads.
func salesCategory() *entity {
	keep := func(v any) any { return v }
	return &entity{
		name: "sales_category", path: "/v1/salescategory", key: "categoryID",
		about:   "A sales category, a node of a tree. The API can only read them.",
		matches: []match{{field: "categoryID"}, {field: "path"}},
		flatten: flattenCategories,
		fields: []field{
			{name: "categoryID", kind: whole, about: "Its id."},
			{name: "description", about: "Name."},
			{name: "parentID", kind: whole, refs: "sales_category", about: "Category above it, 0 for none."},
			{name: "sortOrder", kind: whole, about: "Place among its neighbours."},
			{name: "path", decode: keep, about: `Its name behind those above it, such as "Web > Shoes".`},
			{
				name: "ancestry", kind: list, decode: keep, about: "The categories from the root down to it.",
				fields: []field{
					{name: "categoryID", kind: whole, about: "Its id."},
					{name: "description", about: "Name."},
					{name: "sortOrder", kind: whole, about: "Place among its neighbours."},
					{name: "path", decode: keep, about: "Its name behind those above it."},
				},
			},
		},
	}
}

// flattenCategories makes one row of each node, those above before those below. It takes nodes inside others as well as
// nodes that only name the one above.
func flattenCategories(rows []map[string]any) []map[string]any {
	nodes := map[string]map[string]any{}
	var all []map[string]any
	var gather func(rows []map[string]any, parent any, depth int)
	gather = func(rows []map[string]any, parent any, depth int) {
		for _, in := range rows {
			if id := textOf(in["categoryID"]); nodes[id] == nil {
				if parent != nil {
					in["parentID"] = parent
				}
				nodes[id] = in
				all = append(all, in)
			}
			if inner := objects(in["subCategories"]); depth < deepest {
				gather(inner, in["categoryID"], depth+1)
			}
			delete(in, "subCategories")
		}
	}
	gather(rows, nil, 0)
	for _, in := range all {
		var line []any
		for at := in; at != nil && len(line) < deepest; at = nodes[textOf(at["parentID"])] {
			line = append(line, map[string]any{
				"categoryID": at["categoryID"], "description": at["description"], "sortOrder": at["sortOrder"],
			})
		}
		slices.Reverse(line)
		path := ""
		for _, step := range objects(line) {
			if path != "" {
				path += pathSeparator
			}
			path += textOf(step["description"])
			step["path"] = path
		}
		in["path"], in["ancestry"] = path, line
	}
	slices.SortStableFunc(all, func(x, y map[string]any) int { return cmp.Compare(depthOf(x), depthOf(y)) })
	return all
}

func depthOf(in map[string]any) int {
	line, _ := in["ancestry"].([]any)
	return len(line)
}

func objects(v any) []map[string]any {
	items, _ := v.([]any)
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// categoryPaths are the paths of all sales categories, by id.
func (a *erpAPI) categoryPaths(ctx context.Context) (map[string]any, error) {
	found, err := a.find(ctx, nil, salesCategory(), nil)
	out := make(map[string]any, len(found))
	for _, f := range found {
		out[f.ID] = f.Fields["path"]
	}
	return out, err
}

// attribute is a field of a company's own, with the values to choose from.
func attribute() *entity {
	return &entity{
		name: "attribute", path: "/v1/attribute", key: "attributeID", paged: true,
		about:    "A field that a company gives its items or customers, with the values to choose from.",
		modified: "lastModifiedDateTime", create: true, update: true,
		matches: []match{{field: "attributeID", fold: true}, {field: "valueID", values: valueIDs}},
		natural: only("attributeID"),
		prepare: prepareValues,
		fields: []field{
			{name: "attributeID", flags: once | sdk.Required, about: "Its id."},
			{name: "description", flags: write, about: "Description."},
			{
				name: "controlType", flags: write, about: "What it holds. Combo and MultiSelectCombo have values to choose from.",
				values: []string{"Text", "Combo", "MultiSelectCombo", "Lookup", "Checkbox", "Datetime"},
			},
			{name: "internal", kind: truth, flags: write, about: "Whether it is for internal use."},
			{
				name: "values", from: "details", kind: pairs, flags: write,
				about:  `Values to choose from, by id, such as {"RED": "Red"}; those left out stay as they are.`,
				decode: attributeValues, encode: attributeDetails,
			},
			{name: "valueID", about: "Only for look-ups, with its id: that it has this value.", decode: nothing},
			{name: "createdDateTime", kind: moment, about: "When it was made."},
			{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."},
		},
	}
}

// valueIDs are the ids of the values that an attribute has.
func valueIDs(fields map[string]any) []any {
	values, _ := fields["values"].(map[string]any)
	out := make([]any, 0, len(values))
	for id := range values {
		out = append(out, id)
	}
	return out
}

func attributeValues(v any) any {
	return pairsOf(v, "valueId", "description")
}

// attributeTexts are what the values of an item's attributes are called.
func attributeTexts(v any) any { return pairsOf(v, "id", "description") }

// pairsOf makes an object of a list: what one field of its elements says, by another.
func pairsOf(list any, key, value string) any {
	out := map[string]any{}
	for _, m := range objects(list) {
		if textOf(m[key]) != "" && textOf(m[value]) != "" {
			out[textOf(m[key])] = textOf(m[value])
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func attributeDetails(v any) (name string, out any) {
	values, _ := v.(map[string]any)
	lines := make([]any, 0, len(values))
	for _, id := range sortedKeys(values) {
		lines = append(lines, map[string]any{"operation": "Insert", "valueId": wrap(id), "description": wrap(values[id])})
	}
	return "details", lines
}

// prepareValues says of the values that are there already that they are changed.
func prepareValues(ctx context.Context, a *erpAPI, t *trail, id string, body map[string]any) error {
	lines := objects(body["details"])
	if len(lines) == 0 {
		return nil
	}
	ans, err := a.client.do(ctx, t, call{service: a.client.erp, method: http.MethodGet, path: "/v1/attribute/" + segment(id)})
	if err != nil {
		return err
	}
	have := map[string]bool{}
	row, _ := ans.body.(map[string]any)
	for _, m := range objects(row["details"]) {
		have[textOf(m["valueId"])] = true
	}
	for _, line := range lines {
		if have[textOf(dig(line, "valueId.value"))] {
			line["operation"] = "Update"
		}
	}
	return nil
}
