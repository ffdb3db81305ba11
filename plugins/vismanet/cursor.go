package vismanet

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// cursor is how far reads have come. Between reads it is a mark alone, written as its moment.
type cursor struct {
	mark  time.Time // where the last read ended
	since time.Time // from which change on this one reads
	high  time.Time // the last change it has seen
	limit time.Time // when the server began to answer it
	at    position
}

// limitTo takes the server's clock at the first page. Of a server without one only what that page shows is sure.
func (c *cursor) limitTo(clock time.Time) {
	if !c.limit.IsZero() {
		return
	}
	if c.limit = clock; clock.IsZero() {
		c.limit = c.high
	}
}

// end is the cursor after the read: never before the one it began with.
func (c *cursor) end() string {
	end := c.high
	if end.After(c.limit) {
		end = c.limit
	}
	switch {
	case end.After(c.mark):
		return end.UTC().Format(time.RFC3339Nano)
	case c.mark.IsZero():
		return ""
	}
	return c.mark.UTC().Format(time.RFC3339Nano)
}

// text is the cursor within a read.
func (c *cursor) text() string {
	v := url.Values{
		"page": {strconv.Itoa(c.at.page)}, "seen": {strconv.Itoa(c.at.seen)}, "total": {strconv.Itoa(c.at.total)},
	}
	for name, t := range c.moments() {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return v.Encode()
}

func (c *cursor) moments() map[string]*time.Time {
	return map[string]*time.Time{"mark": &c.mark, "since": &c.since, "high": &c.high, "limit": &c.limit}
}

func parseCursor(text string) (cursor, error) {
	var c cursor
	var err error
	if !strings.Contains(text, "=") {
		c.mark, err = time.Parse(time.RFC3339Nano, text)
		return c, err
	}
	v, err := url.ParseQuery(text)
	if err != nil {
		return c, err
	}
	for name, n := range map[string]*int{"page": &c.at.page, "seen": &c.at.seen, "total": &c.at.total} {
		if *n, err = strconv.Atoi(v.Get(name)); err != nil {
			return c, err
		}
	}
	for name, t := range c.moments() {
		if s := v.Get(name); s != "" {
			if *t, err = time.Parse(time.RFC3339Nano, s); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}
