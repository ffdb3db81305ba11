package mpluskassa

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	envelopeStart = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"` +
		` xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ns="urn:mplusqapi">`
	bodyStart   = `<SOAP-ENV:Header></SOAP-ENV:Header><SOAP-ENV:Body>`
	faultStart  = `<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>`
	envelopeEnd = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
)

// encoder writes answers. controls says what becomes of characters that XML has no room for.
type encoder struct {
	bytes.Buffer
	controls string
}

// answer writes an envelope around a response.
func (b *encoder) answer(name string, e *element, s *structure) error {
	b.WriteString(envelopeStart + bodyStart)
	if err := b.structure(name, e, s); err != nil {
		return err
	}
	b.WriteString(envelopeEnd)
	return nil
}

func (b *encoder) fault(f *soapFault) {
	b.WriteString(envelopeStart + faultStart + f.code + "</faultcode><faultstring>")
	b.text(f.text)
	b.WriteString("</faultstring></SOAP-ENV:Fault>" + envelopeEnd)
}

// structure writes the children in the contract's order.
func (b *encoder) structure(name string, e *element, s *structure) error {
	b.WriteString("<ns:" + name + ">")
	for _, c := range e.children {
		if s.field(c.name) == nil {
			return fmt.Errorf("%s has no element %s", s.name, c.name)
		}
	}
	children := slices.Clone(e.children)
	slices.SortStableFunc(children, func(x, y *element) int { return cmp.Compare(s.index[x.name], s.index[y.name]) })
	for _, c := range children {
		f := s.field(c.name)
		if f.structure != nil {
			if err := b.structure(c.name, c, f.structure); err != nil {
				return err
			}
			continue
		}
		if c.text == "" {
			b.WriteString("<ns:" + c.name + "/>")
			continue
		}
		b.WriteString("<ns:" + c.name + ">")
		b.text(c.text)
		b.WriteString("</ns:" + c.name + ">")
	}
	b.WriteString("</ns:" + name + ">")
	return nil
}

func (b *encoder) text(s string) {
	if !strings.ContainsFunc(s, special) {
		b.WriteString(s)
		return
	}
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '\r':
			b.WriteString("&#xD;")
		case !special(r):
			b.WriteRune(r)
		default:
			b.control(r)
		}
	}
}

// special tells characters that can't be written as they are.
func special(r rune) bool {
	return r == '&' || r == '<' || r == '>' || r < 0x20 && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff
}

func (b *encoder) control(r rune) {
	switch b.controls {
	case ControlsRaw:
		b.WriteRune(r)
	case ControlsReference:
		fmt.Fprintf(&b.Buffer, "&#x%X;", r)
	}
}
