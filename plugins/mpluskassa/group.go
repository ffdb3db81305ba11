package mpluskassa

import (
	"context"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// pathSeparator stands between the names of a group's path.
const pathSeparator = " > "

// groups are all article groups, those above before those below, each with its place in the tree.
func (c *client) groups(ctx context.Context) ([]map[string]any, error) {
	roots, err := c.rowsOf(ctx, "getArticleGroups", map[string]any{})
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	var add func(rows []map[string]any, parent any, path string)
	add = func(rows []map[string]any, parent any, path string) {
		for _, g := range rows {
			inner := objects(g["subGroupList"])
			delete(g, "subGroupList")
			g["parentGroupNumber"], g["parent"], g["path"] = parent, path, record.Text(g["name"])
			if path != "" {
				g["path"] = path + pathSeparator + record.Text(g["name"])
			}
			out = append(out, g)
			add(inner, g["groupNumber"], record.Text(g["path"]))
		}
	}
	add(roots, record.Int(0), "")
	return out, nil
}

func (c *client) findGroups(ctx context.Context, q sdk.Query) ([]map[string]any, error) {
	if q.ID == "" && orElse(record.Text(q.Match["groupNumber"])+record.Text(q.Match["path"]), q.Match["name"]) == "" {
		return nil, badMatch("article_group", "groupNumber, path or name")
	}
	return c.groups(ctx)
}

// placed tells groups that changed where in the tree they stand now. Those below them come too: their paths changed.
func (c *client) placed(ctx context.Context, s sequence, rows []row) ([]made, error) {
	all, err := c.groups(ctx)
	if err != nil {
		return nil, err
	}
	places := map[string]map[string]any{}
	for _, g := range all {
		places[record.Text(g["groupNumber"])] = g
	}
	place := func(fields map[string]any) {
		if g := places[record.Text(fields["groupNumber"])]; g != nil {
			fields["path"], fields["parent"] = g["path"], g["parent"]
		}
	}
	out := c.rowsWith(s, rows, place)
	below := under(all, rows, s.id)
	if len(below) == 0 {
		return out, nil
	}
	s.extra = map[string]any{"groupNumbers": below}
	last := &out[len(out)-1] // what is below goes with it, and moves no marker
	_, err = c.walk(ctx, s, 1, func(rows []row) error {
		for _, m := range c.rowsWith(s, rows, place) {
			last.records = append(last.records, m.records...)
		}
		return nil
	})
	return out, err
}

// under are the numbers of the groups that stand below one of the rows and are none of them.
func under(all []map[string]any, rows []row, id string) []any {
	changed := map[string]bool{}
	for _, r := range rows {
		changed[r.value(id)] = true
	}
	var out []any
	moved := map[string]bool{}
	for _, g := range all { // those above come first
		number, parent := record.Text(g["groupNumber"]), record.Text(g["parentGroupNumber"])
		moved[number] = changed[number] || moved[parent]
		if moved[number] && !changed[number] {
			out = append(out, g["groupNumber"])
		}
	}
	return out
}

// writeGroup makes or changes a group; `parent` says by its path where it stands.
func (c *connection) writeGroup(ctx context.Context, op sdk.Op, fields map[string]any) (string, *answer, error) {
	if path, there := fields["parent"]; there {
		delete(fields, "parent")
		number, err := c.groupAt(ctx, record.Text(path))
		if err != nil {
			return op.ID, nil, err
		}
		fields["parentGroupNumber"] = number
	}
	if op.Operation == opUpdate {
		fields["groupNumber"] = record.Number(op.ID)
		a, err := c.send(ctx, "updateArticleGroup", map[string]any{"request": fields}, true)
		return op.ID, a, err
	}
	if fields["parentGroupNumber"] == nil {
		fields["parentGroupNumber"] = record.Int(0)
	}
	a, err := c.call(ctx, "newArticleGroup", map[string]any{"request": fields})
	if err != nil {
		return "", nil, err
	}
	return c.made(op, "newArticleGroup", a, a.value("groupNumber"))
}

// groupAt is the number of the group at a path; 0 above all.
func (c *client) groupAt(ctx context.Context, path string) (record.Number, error) {
	if path = strings.TrimSpace(path); path == "" {
		return "0", nil
	}
	all, err := c.groups(ctx)
	if err != nil {
		return "", err
	}
	for _, g := range all {
		if g["path"] == path {
			return record.Number(record.Text(g["groupNumber"])), nil
		}
	}
	return "", sdk.NotFound("mpluskassa.parent_not_found", "there is no article group %q to put it into", path).At("parent")
}
