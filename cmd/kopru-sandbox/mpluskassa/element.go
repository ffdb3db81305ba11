package mpluskassa

import (
	"strconv"
	"strings"
)

// element is a value of the contract: a scalar has text, a structure has children in any order. The getters work on nil,
// which is an element that isn't there: empty, zero, false, without children.
type element struct {
	name, text string
	children   []*element
}

// el makes a structure; nil children are left out.
func el(name string, children ...*element) *element {
	e := &element{name: name}
	return e.add(children...)
}

// val makes a scalar of a string, int, int64 or bool.
func val[T string | int | int64 | bool](name string, v T) *element {
	e := &element{name: name}
	switch v := any(v).(type) {
	case string:
		e.text = v
	case int:
		e.text = strconv.Itoa(v)
	case int64:
		e.text = strconv.FormatInt(v, 10)
	case bool:
		e.text = strconv.FormatBool(v)
	}
	return e
}

func (e *element) add(children ...*element) *element {
	for _, c := range children {
		if c != nil {
			e.children = append(e.children, c)
		}
	}
	return e
}

func (e *element) get(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (e *element) all(name string) []*element {
	var out []*element
	if e != nil {
		for _, c := range e.children {
			if c.name == name {
				out = append(out, c)
			}
		}
	}
	return out
}

func (e *element) has(name string) bool { return e.get(name) != nil }

func (e *element) str(name string) string {
	if c := e.get(name); c != nil {
		return c.text
	}
	return ""
}

// num is a number; what is missing is 0, as in the vendor's server.
func (e *element) num(name string) int64 {
	n, _ := strconv.ParseInt(e.str(name), 10, 64) // checked when the request was read
	return n
}

func (e *element) flag(name string) bool { return e.str(name) == "true" }

// numbers are the values of a repeated number.
func (e *element) numbers(name string) map[int64]bool {
	out := make(map[int64]bool)
	for _, c := range e.all(name) {
		n, _ := strconv.ParseInt(c.text, 10, 64) // checked when the request was read
		out[n] = true
	}
	return out
}

// texts are the values of a repeated string.
func (e *element) texts(name string) map[string]bool {
	out := make(map[string]bool)
	for _, c := range e.all(name) {
		out[c.text] = true
	}
	return out
}

// textList are the values of a TextList, which holds its texts in an element of the same name.
func (e *element) textList(name string) map[string]bool {
	out := make(map[string]bool)
	for _, c := range e.get(name).all("text") {
		if s := c.str("text"); s != "" {
			out[s] = true
		}
	}
	return out
}

// put replaces the children of that name by this one.
func (e *element) put(c *element) {
	e.drop(c.name)
	e.children = append(e.children, c)
}

func (e *element) drop(name string) {
	kept := e.children[:0:0]
	for _, c := range e.children {
		if c.name != name {
			kept = append(kept, c)
		}
	}
	e.children = kept
}

// merge takes over what the change names and keeps the rest.
func (e *element) merge(change *element, except ...string) {
	skip := " " + strings.Join(except, " ") + " "
	seen := make(map[string]bool)
	if change == nil {
		return
	}
	for _, c := range change.children {
		if strings.Contains(skip, " "+c.name+" ") {
			continue
		}
		if !seen[c.name] {
			e.drop(c.name)
			seen[c.name] = true
		}
		e.children = append(e.children, c)
	}
}
