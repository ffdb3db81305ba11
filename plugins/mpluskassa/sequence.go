package mpluskassa

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// sequence is a list that is read by sync marker: every change gives a row a new, higher number.
type sequence struct {
	operation string
	id        string // element that identifies a row
	head      string // field of getCurrentSyncMarkers: the highest marker there is
	inner     string // element of the rows inside a row that have markers of their own
	extra     map[string]any
}

// row is one row of a page. Its marker is the lowest of its own that was asked for: whichever of them the server
// sorts by, no unseen row has a lower one than the highest of these.
type row struct {
	*node
	marker, highest int64
}

// made is what became of a row: its records, and the marker that they stand for.
type made struct {
	records []sdk.Record
	marker  int64
}

// listOf is the list in an operation's answer.
func (c *client) listOf(operation string) field {
	for _, f := range c.schema[c.operations[operation].answer] {
		if f.kind == list {
			return f
		}
	}
	return field{}
}

// page asks for the rows from a marker on, and returns them by marker. No rows means that there are no more.
func (c *client) page(ctx context.Context, s sequence, from int64) ([]row, error) {
	request := maps.Clone(s.extra)
	if request == nil {
		request = map[string]any{}
	}
	request["syncMarker"] = record.Int(from)
	if c.pageSize > 0 {
		request["syncMarkerLimit"] = record.Int(int64(c.pageSize))
	}
	a, err := c.call(ctx, s.operation, map[string]any{"request": request})
	if err != nil {
		return nil, err
	}
	nodes, _ := c.listOf(s.operation).rows(a.node)
	rows := make([]row, len(nodes))
	progress := false
	for i, n := range nodes {
		if rows[i], err = s.row(n, from); err != nil {
			f := sdk.Fatal("mpluskassa.bad_answer", "a row of %s has no usable syncMarker: %v", s.operation, err)
			f.Exchanges = []*protocol.Exchange{a.exchange}
			return nil, f
		}
		progress = progress || rows[i].highest >= from
	}
	if len(rows) > 0 && !progress {
		f := sdk.Fatal("mpluskassa.no_progress",
			"%s was asked from sync marker %d on and answered with lower ones only", s.operation, from)
		f.Exchanges = []*protocol.Exchange{a.exchange}
		return nil, f
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.marker, b.marker) })
	return rows, nil
}

func (s sequence) row(n *node, from int64) (row, error) {
	r := row{node: n}
	own := []*node{n}
	if s.inner != "" {
		list, item, _ := strings.Cut(s.inner, "/")
		if wrapper := n.child(list); wrapper != nil {
			own = append(own, wrapper.all(item)...)
		}
	}
	for _, n := range own {
		var m int64
		if err := n.ints(map[string]*int64{"syncMarker": &m}); err != nil {
			return r, err
		}
		r.highest = max(r.highest, m)
		if m >= from && (r.marker == 0 || m < r.marker) {
			r.marker = m
		}
	}
	if r.marker == 0 {
		r.marker = from
	}
	return r, nil
}

// walk visits all rows from a marker on, page by page, until a page is empty. A page that is shorter or longer than
// what was asked for means nothing. Rows that come back unchanged are visited once.
func (c *client) walk(ctx context.Context, s sequence, from int64, visit func(rows []row) error) (next int64, err error) {
	seen := map[string]int64{}
	for {
		rows, err := c.page(ctx, s, from)
		if err != nil || len(rows) == 0 {
			return from, err
		}
		last := rows[len(rows)-1].marker
		fresh := slices.DeleteFunc(rows, func(r row) bool {
			id := r.value(s.id)
			if s.inner == "" || id == "" {
				return false
			}
			again := seen[id] == r.highest
			seen[id] = r.highest
			return again
		})
		if err := visit(fresh); err != nil {
			return from, err
		}
		from = last + 1
	}
}

// current is the highest marker of the sequence, or -1 when the installation doesn't tell.
func (c *client) current(ctx context.Context, head string) (int64, error) {
	a, err := c.call(ctx, "getCurrentSyncMarkers", nil)
	if isCode(err, codeNotImplemented) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	if a.value(head) == "" {
		return -1, nil
	}
	return whole(a.value(head))
}

// begin is where a read goes on. A till that was restored from a backup gives markers out anew, and what happened
// since the backup would be passed over in silence: that must be seen.
func (c *client) begin(ctx context.Context, cursor, head string) (next int64, done bool, err error) {
	if cursor == "" {
		return 1, false, nil
	}
	next, err = whole(cursor)
	if err != nil || next < 0 {
		return 0, false, sdk.Fatal("mpluskassa.bad_cursor", "the cursor %q is none of this connector's", cursor)
	}
	highest, err := c.current(ctx, head)
	if err != nil || highest < 0 {
		return next, false, err
	}
	if highest < next-1 {
		return 0, false, wentBack(head, highest, next-1)
	}
	return next, highest < next, nil
}

func wentBack(what string, highest, known int64) error {
	return sdk.Fatal("mpluskassa.marker_went_back",
		"MplusKASSA's %s stands at %d, but %d was read before: it was restored from a backup or replaced. "+
			"Check what happened, then reset this pipeline's cursor to read again from the start", what, highest, known)
}

// readSequence reads a sequence from the cursor on. A batch's cursor never passes a row that was not emitted.
func (c *client) readSequence(
	ctx context.Context, r sdk.ReadRequest, emit func(sdk.Batch) error, s sequence, produce func([]row) ([]made, error),
) (string, error) {
	ranged := !r.From.IsZero() || !r.To.IsZero()
	start := r.Cursor
	if ranged {
		start = ""
	}
	from, done, err := c.begin(ctx, start, s.head)
	if err != nil || done {
		return r.Cursor, err
	}
	highest, _ := c.current(ctx, s.head) // only to tell how far it is
	seen := 0
	next, err := c.walk(ctx, s, from, func(rows []row) error {
		all, err := produce(rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		seen += len(rows)
		passed := max(1, rows[len(rows)-1].marker-from+1)
		total := max(0, int64(seen)*(highest-from+1)/passed)
		return batches(all, r.BatchSize, !ranged, func(b sdk.Batch) error {
			b.Total = int(total)
			return emit(b)
		})
	})
	if err != nil || ranged {
		return r.Cursor, err
	}
	return strconv.FormatInt(next, 10), nil
}

// batches emits records in batches of a size; those of one row may need several, and only the last moves the cursor.
func batches(all []made, size int, resumable bool, emit func(sdk.Batch) error) error {
	size = max(size, 1)
	var pending []sdk.Record
	for i, m := range all {
		pending = append(pending, m.records...)
		for len(pending) > size {
			if err := emit(sdk.Batch{Records: pending[:size:size]}); err != nil {
				return err
			}
			pending = pending[size:]
		}
		if len(pending) < size && i < len(all)-1 {
			continue
		}
		next := m.marker + 1
		if i < len(all)-1 {
			next = min(next, all[i+1].marker)
		}
		b := sdk.Batch{Records: pending}
		if resumable {
			b.Cursor = strconv.FormatInt(next, 10)
		}
		if err := emit(b); err != nil {
			return err
		}
		pending = nil
	}
	return nil
}

// recordOf makes a record of fields; when says when it changed, in a field that may be missing.
func recordOf(key string, fields map[string]any, when string) sdk.Record {
	payload, err := record.Encode(fields)
	if err != nil {
		return sdk.Record{Key: key, Err: sdk.Invalid("mpluskassa.unreadable", "%v", err), Payload: json.RawMessage(`{}`)}
	}
	out := sdk.Record{Key: key, Payload: payload}
	if s, ok := fields[when].(string); ok {
		out.OccurredAt, _ = time.Parse(time.RFC3339, s) // the codec wrote it
	}
	return out
}

// unreadable is the record of a row that makes no sense; the rows around it go on.
func unreadable(n *node, id string, err error) sdk.Record {
	f := sdk.Invalid("mpluskassa.unreadable", "a value from MplusKASSA makes no sense: %v", err)
	var payload []byte
	key := n.value(id)
	payload, _ = record.Encode(map[string]any{id: key, "syncMarker": n.value("syncMarker")}) // made of record values
	return sdk.Record{Key: key, Err: f, Payload: payload}
}
