package mpluskassa

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"strings"
)

const (
	envelopeSpace = "http://schemas.xmlsoap.org/soap/envelope/"
	apiSpace      = "urn:mplusqapi"
	instanceSpace = "http://www.w3.org/2001/XMLSchema-instance"
)

// soapFault is a refusal on the level of the protocol.
type soapFault struct{ code, text string }

func (f *soapFault) Error() string { return f.code + ": " + f.text }

func clientFault(format string, args ...any) error {
	return &soapFault{"SOAP-ENV:Client", fmt.Sprintf(format, args...)}
}

// node is an element of a request as it came in.
type node struct {
	space, prefix, local string
	null, must           bool // xsi:nil, mustUnderstand
	text                 strings.Builder
	kids                 []*node
}

// tag is the name as the client wrote it, which faults repeat.
func (n *node) tag() string {
	if n.prefix == "" {
		return n.local
	}
	return n.prefix + ":" + n.local
}

const maxDepth = 100

var errXML = clientFault("Well-formedness violation")

// parse reads one XML document. It resolves namespaces itself because faults repeat the client's prefixes.
func parse(body []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var stack []*node
	scopes := []map[string]string{{"xml": "http://www.w3.org/XML/1998/namespace"}}
	for {
		token, err := d.RawToken()
		if err != nil {
			return nil, errXML
		}
		switch t := token.(type) {
		case xml.StartElement:
			n, scope := open(t, scopes[len(scopes)-1])
			if n == nil || len(stack) == maxDepth {
				return nil, errXML
			}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				parent.kids = append(parent.kids, n)
			}
			stack, scopes = append(stack, n), append(scopes, scope)
		case xml.EndElement:
			if len(stack) == 0 {
				return nil, errXML
			}
			n := stack[len(stack)-1]
			if n.prefix != t.Name.Space || n.local != t.Name.Local {
				return nil, errXML
			}
			if len(stack) == 1 {
				return n, nil // what follows the envelope is never read
			}
			stack, scopes = stack[:len(stack)-1], scopes[:len(scopes)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		}
	}
}

// open starts an element in its scope of namespaces; nil means that a prefix is not declared.
func open(t xml.StartElement, scope map[string]string) (*node, map[string]string) {
	inner := false
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			continue
		}
		if !inner {
			scope, inner = maps.Clone(scope), true
		}
		if a.Name.Space == "" {
			scope[""] = a.Value
		} else {
			scope[a.Name.Local] = a.Value
		}
	}
	n := &node{prefix: t.Name.Space, local: t.Name.Local, space: scope[t.Name.Space]}
	if _, ok := scope[n.prefix]; !ok && n.prefix != "" {
		return nil, nil
	}
	for _, a := range t.Attr {
		yes := a.Value == "true" || a.Value == "1"
		switch {
		case a.Name.Local == "nil" && scope[a.Name.Space] == instanceSpace:
			n.null = yes
		case a.Name.Local == "mustUnderstand" && scope[a.Name.Space] == envelopeSpace:
			n.must = yes
		}
	}
	return n, scope
}

// bodyChild takes the envelope off.
func bodyChild(body []byte) (*node, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, clientFault("Data required for operation")
	}
	root, err := parse(body)
	if err != nil {
		return nil, err
	}
	if root.space != envelopeSpace || root.local != "Envelope" {
		return nil, &soapFault{"SOAP-ENV:VersionMismatch", "Invalid SOAP message or SOAP version mismatch"}
	}
	for _, part := range root.kids {
		if part.space != envelopeSpace {
			continue
		}
		switch part.local {
		case "Header":
			for _, h := range part.kids {
				if h.must {
					const text = "The data in element '%s' must be understood but cannot be processed"
					return nil, &soapFault{"SOAP-ENV:MustUnderstand", fmt.Sprintf(text, h.tag())}
				}
			}
		case "Body":
			if len(part.kids) > 0 {
				return part.kids[0], nil
			}
		}
	}
	return nil, unknownOperation("")
}

func unknownOperation(tag string) error {
	return clientFault("Method '%s' not implemented: method name or namespace not recognized", tag)
}
