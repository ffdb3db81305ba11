package mpluskassa

import (
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// bind reads a request by the contract, as a gSOAP server does: what it doesn't know it skips, of what may come once it
// takes the first, and what is missing stays away. A strict server refuses all three.
func bind(n *node, s *structure, strict bool) (*element, error) {
	e := &element{name: n.local}
	count := make(map[string]int, len(n.kids))
	for _, kid := range n.kids {
		f := s.field(kid.local)
		if kid.space != apiSpace || f == nil || count[kid.local] > 0 && !f.many {
			if strict {
				return nil, violation("tag name or namespace mismatch", kid)
			}
			continue
		}
		if kid.null {
			continue
		}
		count[kid.local]++
		var child *element
		var err error
		if f.structure != nil {
			child, err = bind(kid, f.structure, strict)
		} else {
			child, err = bindScalar(kid, f)
		}
		if err != nil {
			return nil, err
		}
		e.children = append(e.children, child)
	}
	if strict {
		for _, f := range s.fields {
			if !f.optional && count[f.name] == 0 {
				return nil, violation("occurrence constraint violation", n)
			}
		}
	}
	return e, nil
}

func violation(what string, n *node) error {
	return clientFault("Validation constraint violation: %s in element '%s'", what, n.tag())
}

func bindScalar(n *node, f *field) (*element, error) {
	text := n.text.String()
	if f.kind == "string" || f.kind == "base64Binary" {
		return val(f.name, text), nil
	}
	text = strings.Trim(text, " \t\r\n")
	if text == "" {
		return nil, violation("empty value provided where a value is required", n)
	}
	canonical, ok := scalar(text, f)
	if !ok {
		return nil, violation("invalid value", n)
	}
	return val(f.name, canonical), nil
}

// scalar checks a value and writes it plainly.
func scalar(text string, f *field) (string, bool) {
	if f.enum != nil {
		return text, f.enum[text]
	}
	switch f.kind {
	case "boolean":
		switch text {
		case "true", "1":
			return "true", true
		case "false", "0":
			return "false", true
		}
		return "", false
	case "int", "long", "short":
		n, err := strconv.ParseInt(text, 10, map[string]int{"int": 32, "long": 64, "short": 16}[f.kind])
		return strconv.FormatInt(n, 10), err == nil
	case "unsignedInt":
		n, err := strconv.ParseUint(text, 10, 32)
		return strconv.FormatUint(n, 10), err == nil
	case "decimal":
		d, _, err := apd.NewFromString(text)
		return text, err == nil && d.Form == apd.Finite && !strings.ContainsAny(text, "eE")
	case "date", "dateTime":
		const day, moment = "2006-01-02", "2006-01-02T15:04:05"
		for _, layout := range []string{day, day + "Z07:00", moment, moment + "Z07:00"} {
			if _, err := time.Parse(layout, text); err == nil {
				return text, true
			}
		}
		return "", false
	}
	return text, true
}
