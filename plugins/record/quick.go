package record

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	mostNested = 1000     // levels that quick goes down; more are the decoder's to judge
	mostShared = 64 << 10 // bytes of a document whose values may keep all of it in memory
)

// quick decodes what nearly all documents are: correct JSON. Whatever it does not understand it leaves to jsontext, which
// also knows what to say of it. Texts and numbers are parts of one copy of the document, unless that is so long that a
// value somebody keeps must not hold on to it.
type quick struct {
	text  string
	at    int
	share bool
}

func decodeQuick(data []byte) (v any, ok bool) {
	q := quick{text: string(data), share: len(data) <= mostShared}
	if !utf8.ValidString(q.text) {
		return nil, false
	}
	if v, ok = q.value(0); !ok {
		return nil, false
	}
	return v, q.next() == 0 && q.at == len(q.text)
}

// next skips white space and returns the byte that follows, 0 at the end.
func (q *quick) next() byte {
	for q.at < len(q.text) {
		switch c := q.text[q.at]; c {
		case ' ', '\t', '\n', '\r':
			q.at++
		default:
			return c
		}
	}
	return 0
}

func (q *quick) value(depth int) (any, bool) {
	switch c := q.next(); {
	case c == '"':
		return q.quoted()
	case c == '{':
		return q.object(depth + 1)
	case c == '[':
		return q.list(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		n, ok := q.number()
		return Number(n), ok
	case c == 't':
		return true, q.word("true")
	case c == 'f':
		return false, q.word("false")
	case c == 'n':
		return nil, q.word("null")
	}
	return nil, false
}

func (q *quick) word(word string) bool {
	end := q.at + len(word)
	if end > len(q.text) || q.text[q.at:end] != word {
		return false
	}
	q.at = end
	return true
}

func (q *quick) object(depth int) (any, bool) {
	m := make(map[string]any, 8)
	q.at++
	if q.next() == '}' {
		q.at++
		return m, true
	}
	for n := 1; depth <= mostNested; n++ {
		if q.next() != '"' {
			return nil, false
		}
		key, ok := q.quoted()
		if !ok || q.next() != ':' {
			return nil, false
		}
		q.at++
		v, ok := q.value(depth)
		if !ok {
			return nil, false
		}
		m[key] = v
		if len(m) != n { // a name that stood there before
			return nil, false
		}
		switch c := q.next(); c {
		case ',':
			q.at++
		case '}':
			q.at++
			return m, true
		default:
			return nil, false
		}
	}
	return nil, false
}

func (q *quick) list(depth int) (any, bool) {
	list := make([]any, 0, 8)
	q.at++
	if q.next() == ']' {
		q.at++
		return list, true
	}
	for depth <= mostNested {
		v, ok := q.value(depth)
		if !ok {
			return nil, false
		}
		list = append(list, v)
		switch c := q.next(); c {
		case ',':
			q.at++
		case ']':
			q.at++
			return list, true
		default:
			return nil, false
		}
	}
	return nil, false
}

// quoted reads a text or a name.
func (q *quick) quoted() (string, bool) {
	begin, escaped := q.at, false
	for i := begin + 1; i < len(q.text); i++ {
		switch c := q.text[i]; {
		case c == '"':
			q.at = i + 1
			if escaped {
				text, err := jsontext.AppendUnquote(nil, q.text[begin:q.at])
				return string(text), err == nil
			}
			return q.part(begin+1, i), true
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

func (q *quick) number() (string, bool) {
	begin := q.at
	if q.text[q.at] == '-' {
		q.at++
	}
	whole := q.at
	if q.digits() == 0 || q.text[whole] == '0' && q.at > whole+1 {
		return "", false
	}
	if q.at < len(q.text) && q.text[q.at] == '.' {
		q.at++
		if q.digits() == 0 {
			return "", false
		}
	}
	if q.at < len(q.text) && (q.text[q.at] == 'e' || q.text[q.at] == 'E') {
		q.at++
		if q.at < len(q.text) && (q.text[q.at] == '+' || q.text[q.at] == '-') {
			q.at++
		}
		if q.digits() == 0 {
			return "", false
		}
	}
	return q.part(begin, q.at), true
}

// digits skips digits and tells how many there were.
func (q *quick) digits() int {
	begin := q.at
	for q.at < len(q.text) && q.text[q.at] >= '0' && q.text[q.at] <= '9' {
		q.at++
	}
	return q.at - begin
}

// part is a piece of the document, a copy of it where it must not hold on to the whole.
func (q *quick) part(begin, end int) string {
	if q.share {
		return q.text[begin:end]
	}
	return strings.Clone(q.text[begin:end])
}
