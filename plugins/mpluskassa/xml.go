package mpluskassa

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

const (
	namespace    = "urn:mplusqapi"
	soapEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	instance     = "http://www.w3.org/2001/XMLSchema-instance"

	maxDepth    = 64
	maxElements = 5_000_000
)

// node is an element of an answer. Prefixes are gone: a server may choose them, or none, as it likes.
type node struct {
	space, name string
	text        string
	raw         []byte // text so far
	isNil       bool
	children    []*node
}

// child is the first child of the API's namespace with the name, nil when there is none.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.space == namespace && c.name == name {
			return c
		}
	}
	return nil
}

// all are the children of the API's namespace with the name.
func (n *node) all(name string) []*node {
	var out []*node
	for _, c := range n.children {
		if c.space == namespace && c.name == name {
			out = append(out, c)
		}
	}
	return out
}

// value is the trimmed text of a child, "" when there is none.
func (n *node) value(name string) string {
	if c := n.child(name); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

// parse reads one document, all of it: an answer that breaks off half-way is none. What XML has no room for is dropped:
// the server writes the till's texts as they were typed, and one bad character must not hide a page of orders.
func parse(data []byte) (*node, error) {
	root, err := parseStrictly(data)
	if err == nil {
		return root, nil
	}
	if legal := onlyLegal(data); !bytes.Equal(legal, data) {
		return parseStrictly(legal)
	}
	return nil, err
}

var reference = regexp.MustCompile(`&#(x[0-9a-fA-F]+|[0-9]+);`)

// onlyLegal is the text without the characters that no XML may hold, be they written as they are or as references.
func onlyLegal(data []byte) []byte {
	data = reference.ReplaceAllFunc(data, func(ref []byte) []byte {
		digits := string(ref[2 : len(ref)-1])
		if digits[0] == 'x' {
			digits = "0" + digits
		}
		if n, err := strconv.ParseInt(digits, 0, 32); err != nil || !isLegal(rune(n)) {
			return nil
		}
		return ref
	})
	return bytes.Map(func(r rune) rune {
		if isLegal(r) {
			return r
		}
		return -1
	}, data)
}

func isLegal(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

func parseStrictly(data []byte) (*node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the answer is empty")
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	top := &node{}
	stack := []*node{top}
	for count := 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(stack) == 1 && len(top.children) == 1 {
			return top.children[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("the answer is not XML, or not all of it: %w", err)
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if count++; count > maxElements || len(stack) > maxDepth {
				return nil, fmt.Errorf("the answer has more than %d elements or is deeper than %d", maxElements, maxDepth)
			}
			n := &node{space: t.Name.Space, name: t.Name.Local, isNil: isNil(t.Attr)}
			parent.children = append(parent.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			parent.text, parent.raw = string(parent.raw), nil
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 1 && len(parent.children) == 0 {
				parent.raw = append(parent.raw, t...)
			}
		case xml.Directive:
			return nil, errors.New("the answer has a document type, which SOAP forbids")
		}
	}
}

func isNil(attributes []xml.Attr) bool {
	for _, a := range attributes {
		if a.Name.Space == instance && a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1") {
			return true
		}
	}
	return false
}

// fault is a SOAP fault: its code without prefix, such as "Client.Authentication", and its words.
type fault struct{ code, words string }

// opened takes the envelope off: the answer's element, or a fault.
func opened(root *node) (*node, *fault, error) {
	if root.space != soapEnvelope || root.name != "Envelope" {
		return nil, nil, fmt.Errorf("the answer is a %q, not a SOAP envelope", root.name)
	}
	for _, body := range root.children {
		if body.space != soapEnvelope || body.name != "Body" {
			continue
		}
		if len(body.children) == 0 {
			return nil, nil, errors.New("the SOAP envelope is empty")
		}
		first := body.children[0]
		if first.space != soapEnvelope || first.name != "Fault" {
			return first, nil, nil
		}
		out := &fault{}
		for _, c := range first.children {
			switch c.name {
			case "faultcode":
				out.code = strings.TrimSpace(c.text)
				if _, local, ok := strings.Cut(out.code, ":"); ok {
					out.code = local
				}
			case "faultstring":
				out.words = strings.TrimSpace(c.text)
			}
		}
		return nil, out, nil
	}
	return nil, nil, errors.New("the SOAP envelope has no body")
}

// writer builds a request.
type writer struct{ bytes.Buffer }

func (w *writer) open(name string)  { w.WriteString("<ns1:" + name + ">") }
func (w *writer) close(name string) { w.WriteString("</ns1:" + name + ">") }

func (w *writer) leaf(name, value string) {
	w.open(name)
	_ = xml.EscapeText(&w.Buffer, []byte(value)) // a Buffer takes everything
	w.close(name)
}

// envelope wraps an operation's element, in the form that MplusKASSA's own client sends.
func envelope(name string, content []byte) []byte {
	var w writer
	w.WriteString(xml.Header[:len(xml.Header)-1])
	w.WriteString(`<SOAP-ENV:Envelope xmlns:SOAP-ENV="` + soapEnvelope + `" xmlns:ns1="` + namespace + `">`)
	w.WriteString(`<SOAP-ENV:Header/><SOAP-ENV:Body>`)
	w.open(name)
	w.Write(content)
	w.close(name)
	w.WriteString(`</SOAP-ENV:Body></SOAP-ENV:Envelope>`)
	return w.Bytes()
}
