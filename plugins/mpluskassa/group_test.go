package mpluskassa

import (
	"testing"

	"github.com/kopru-io/kopru/plugins/sdk"
)

func withGroups(till *till) {
	group := func(number int, name, inside string) string {
		return el("articleGroups", el("groupNumber", number), el("name", name), el("text", ""), el("subGroupList", inside), el("sortOrder", 1))
	}
	till.answer("getArticleGroups", "GetArticleGroupsResponse",
		el("articleGroupList", group(1, "Webshop", group(3, "Kleding", group(4, "Truien", "")))+group(2, "Kleding", "")))
	till.answer("newArticleGroup", "NewArticleGroupResponse", el("result", "NEW-ARTICLE-GROUP-RESULT-OK")+el("groupNumber", 9))
	till.answer("updateArticleGroup", "UpdateArticleGroupResponse", el("result", "SAVE-ARTICLE-GROUP-RESULT-OK"))
}

func TestGroupsAreFoundInTheirTree(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withGroups(till)
	c := till.open(t, nil)
	for _, row := range []struct {
		match map[string]any
		want  []string
	}{
		{map[string]any{"path": "Webshop > Kleding > Truien"}, []string{"4"}},
		{map[string]any{"path": "Kleding"}, []string{"2"}},
		{map[string]any{"name": "Kleding"}, []string{"3", "2"}},
		{map[string]any{"name": "Kleding", "parentGroupNumber": num("1")}, []string{"3"}},
		{map[string]any{"path": "Truien"}, nil},
	} {
		found, err := c.Lookup(t.Context(), "article_group", sdk.Query{Match: row.match})
		if err != nil || len(found) != len(row.want) {
			t.Errorf("%v: %v, %v", row.match, found, err)
			continue
		}
		for i, id := range row.want {
			if found[i].ID != id {
				t.Errorf("%v: %v", row.match, found)
			}
		}
	}
	till.answers["getArticleGroupChanges"] = func(r *node) string {
		if r.child("request").value("syncMarker") != "1" {
			return soap("GetArticleGroupChangesResponse", "")
		}
		return soap("GetArticleGroupChangesResponse", el("changedArticleGroupList",
			el("changedArticleGroups", el("groupNumber", 4), el("syncMarker", 2), el("name", "Truien"), el("text"), el("sortOrder", 1))))
	}
	var got reading
	if _, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "article_group", BatchSize: 10}, got.emit); err != nil || got.keys() != "4" {
		t.Fatal(got.keys(), err)
	}
	if p := payload(t, got.records[0]); p["path"] != "Webshop > Kleding > Truien" || p["parent"] != "Webshop > Kleding" {
		t.Errorf("%v", p)
	}
}

// TestGroupsBelowAChangedOneComeToo: their paths changed with its name, though they did not.
func TestGroupsBelowAChangedOneComeToo(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withGroups(till)
	changed := func(number, marker int, name string) string {
		return el("changedArticleGroups", el("groupNumber", number), el("syncMarker", marker), el("name", name), el("text"), el("sortOrder", 1))
	}
	till.answers["getArticleGroupChanges"] = func(r *node) string {
		rows := ""
		switch from, number := r.child("request").value("syncMarker"), r.child("request").value("groupNumbers"); {
		case number == "" && from == "5":
			rows = changed(3, 9, "Kleding")
		case number == "4" && from == "1":
			rows = changed(4, 2, "Truien")
		}
		return soap("GetArticleGroupChangesResponse", el("changedArticleGroupList", rows))
	}
	till.answer("getCurrentSyncMarkers", "getCurrentSyncMarkersResponse", el("articleGroupSyncMarker", 9))
	c := till.open(t, nil)
	var got reading
	end, err := c.Read(t.Context(), sdk.ReadRequest{Entity: "article_group", Cursor: "5", BatchSize: 10}, got.emit)
	if err != nil || got.keys() != "3 4" || end != "10" {
		t.Fatal(got.keys(), end, err)
	}
	if p := payload(t, got.records[1]); p["path"] != "Webshop > Kleding > Truien" {
		t.Errorf("%v", p)
	}
}

func TestGroupsArePutWhereTheyBelong(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withGroups(till)
	c := till.open(t, nil)
	result := writeOne(t, c, "article_group", nil, sdk.Op{Operation: opCreate, Payload: []byte(`{"name":"Mutsen","parent":"Webshop > Kleding"}`)})
	if r := till.last("newArticleGroup").child("request"); result.Err != nil || result.ID != "9" || r.value("parentGroupNumber") != "3" || r.child("text") == nil {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "article_group", nil, sdk.Op{Operation: opUpdate, ID: "4", Payload: []byte(`{"name":"Vesten","parent":""}`)})
	if r := till.last("updateArticleGroup").child("request"); result.Err != nil || r.value("groupNumber") != "4" || r.value("parentGroupNumber") != "0" ||
		r.value("name") != "Vesten" || r.child("sortOrder") != nil {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "article_group", nil, sdk.Op{Operation: opCreate, Payload: []byte(`{"name":"Mutsen","parent":"Nergens"}`)})
	if f := failureOf(t, result.Err); f.Class != missing || f.Field != "parent" {
		t.Errorf("%+v", f)
	}
}
