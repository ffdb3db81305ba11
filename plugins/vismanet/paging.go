package vismanet

import (
	"context"
	"net/http"
	"time"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// passes is how often a list is read again because it lost rows in the meantime.
const passes = 3

// page is one page of a list.
type page struct {
	rows  []map[string]any
	total int       // rows on all pages, -1 = not said
	last  bool      // the server says that there is no more
	at    time.Time // the server's clock; zero = not said
	next  position  // where to go on behind it
}

// position is a place between two pages: the page that comes next, how many rows were before it, and of how many.
type position struct{ page, seen, total int }

// listing is a list that is read page by page.
type listing struct {
	fetch func(n int) (page, error)       // the n-th page, counted from 0
	key   func(row map[string]any) string // tells rows apart
}

// walk reads a list from a position and gives each row once, in the order of the pages. A page may be shorter than
// asked for without being the last, so it goes by the total: it ends when that many different rows were seen. Rows
// that move to an earlier page while it reads show as a total that shrank or was not reached; then it starts over.
// A list that ends short of its total twice in the same way has a wrong total, and that is all there is.
func (l listing) walk(ctx context.Context, from position, visit func(page) error) error {
	seen := map[string]bool{}
	var before pass
	for range passes {
		var p pass
		if err := l.pass(ctx, from, seen, &p, visit); err != nil || p.whole {
			return err
		}
		if p.ended && before.ended && p.rows == before.rows && p.fresh == 0 {
			return nil
		}
		before, from = p, position{}
	}
	return sdk.Transient("vismanet.list_changing",
		"the list kept changing while it was read, or its pages repeat; %d attempts", passes)
}

// pass is one walk through the pages.
type pass struct {
	whole bool // it gave every row
	ended bool // it came to the end
	rows  int
	fresh int // of them, not seen in an earlier pass
}

func (l listing) pass(
	ctx context.Context, from position, seen map[string]bool, out *pass, visit func(page) error,
) error {
	mine := map[string]bool{}
	total, shrank := -1, false
	if from.page > 0 {
		total = from.total
	}
	for n := from.page; ; n++ {
		if ctx.Err() != nil {
			return sdk.Transient("vismanet.cancelled", "the read was cancelled")
		}
		p, err := l.fetch(n)
		if err != nil {
			return err
		}
		if p.total >= 0 {
			shrank = shrank || p.total < total
			total = p.total
		}
		before := len(mine)
		rows := p.rows
		p.rows = nil
		for _, row := range rows {
			k := l.key(row)
			mine[k] = true
			if !seen[k] {
				seen[k] = true
				out.fresh++
				p.rows = append(p.rows, row)
			}
		}
		read := from.seen + len(mine)
		p.next = position{page: n + 1, seen: read, total: total}
		if err := visit(p); err != nil {
			return err
		}
		reached := total >= 0 && read >= total
		switch {
		case shrank && n == from.page: // rows in front of the position are gone
			return nil
		case len(rows) == 0 || p.last || reached:
			out.ended, out.rows = from.page == 0, len(mine)
			out.whole = !shrank && (total < 0 || reached)
			return nil
		case len(mine) == before: // the same page again
			out.whole = total < 0
			return nil
		}
	}
}

// rowsOf reads both forms of v1's lists: a bare array, whose rows carry the total, and an object around it. It is false
// for what is no list: taken for an empty one, it would end a read early.
func rowsOf(a *answer, paged bool) (page, bool) {
	p := page{total: -1, last: !paged, at: serverTime(a.header)}
	items, ok := a.body.([]any)
	if len(items) == 1 {
		if m, _ := items[0].(map[string]any); m["records"] != nil { // the object as an array's only element
			a = &answer{body: m, header: a.header}
			ok = false
		}
	}
	if !ok {
		m, _ := a.body.(map[string]any)
		items, ok = m["records"].([]any)
		p.total = count(m["totalCount"])
	}
	if !ok && a.status != http.StatusNoContent {
		return p, false
	}
	for _, item := range items {
		row, ok := item.(map[string]any)
		if !ok {
			continue
		}
		p.rows = append(p.rows, row)
		if n := count(dig(row, "metadata.totalCount")); n > 0 {
			p.total = n
		}
	}
	if !paged {
		p.total = -1
	}
	return p, true
}

func count(v any) int {
	n, ok := v.(record.Number)
	if !ok {
		return -1
	}
	d, err := n.Decimal()
	if err != nil {
		return -1
	}
	i, err := d.Int64()
	if err != nil || i < 0 {
		return -1
	}
	return int(i)
}

func serverTime(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}
