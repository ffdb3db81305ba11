package mpluskassa

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ---- the vendor's schema, as far as a request needs it

type xsdElement struct {
	Name    string   `xml:"name,attr"`
	Type    string   `xml:"type,attr"`
	Min     string   `xml:"minOccurs,attr"`
	Max     string   `xml:"maxOccurs,attr"`
	Complex *xsdType `xml:"complexType"`
}

type xsdType struct {
	Name      string       `xml:"name,attr"`
	Sequence  []xsdElement `xml:"sequence>element"`
	Extension struct {
		Base     string       `xml:"base,attr"`
		Sequence []xsdElement `xml:"sequence>element"`
	} `xml:"complexContent>extension"`
	Enumeration []struct {
		Value string `xml:"value,attr"`
	} `xml:"restriction>enumeration"`
}

type wsdl struct {
	Complex  []xsdType    `xml:"types>schema>complexType"`
	Simple   []xsdType    `xml:"types>schema>simpleType"`
	Elements []xsdElement `xml:"types>schema>element"`

	types    map[string]xsdType
	enums    map[string][]string
	elements map[string]xsdElement
}

func readWSDL(t *testing.T, dir string) *wsdl {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "mplusqapi.wsdl"))
	if err != nil {
		t.Fatal(err)
	}
	w := &wsdl{types: map[string]xsdType{}, enums: map[string][]string{}, elements: map[string]xsdElement{}}
	if err := xml.Unmarshal(data, w); err != nil {
		t.Fatal(err)
	}
	for _, c := range w.Complex {
		w.types[c.Name] = c
	}
	for _, s := range w.Simple {
		w.enums[s.Name] = []string{}
		for _, v := range s.Enumeration {
			w.enums[s.Name] = append(w.enums[s.Name], v.Value)
		}
	}
	for _, e := range w.Elements {
		w.elements[e.Name] = e
	}
	if len(w.types) < 500 || len(w.elements) < 500 {
		t.Fatalf("only %d types and %d elements found", len(w.types), len(w.elements))
	}
	return w
}

func local(name string) string { return name[strings.Index(name, ":")+1:] }

// fields are a type's elements in order, those of what it extends first.
func (w *wsdl) fields(of string) []xsdElement {
	c := w.types[of]
	if base := c.Extension.Base; base != "" {
		return append(slices.Clone(w.fields(local(base))), c.Extension.Sequence...)
	}
	return c.Sequence
}

// content are the elements inside a global element.
func (w *wsdl) content(element string) ([]xsdElement, bool) {
	e, ok := w.elements[element]
	switch {
	case !ok:
		return nil, false
	case e.Complex != nil:
		return e.Complex.Sequence, true
	}
	return w.fields(local(e.Type)), true
}

// check walks a message along the vendor's schema: names, namespace, order, required elements and simple types.
func (w *wsdl) check(message []byte, operation string) error {
	dec := xml.NewDecoder(strings.NewReader(string(message)))
	for {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Space != namespace {
			continue
		}
		if start.Name.Local != operation {
			return fmt.Errorf("the body holds %s", start.Name.Local)
		}
		content, _ := w.content(operation)
		if err := w.checkContent(dec, operation, content); err != nil {
			return err
		}
		for {
			if token, err = dec.Token(); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			if start, ok := token.(xml.StartElement); ok {
				return fmt.Errorf("%s stands after the operation", start.Name.Local)
			}
		}
	}
}

func (w *wsdl) checkContent(dec *xml.Decoder, path string, content []xsdElement) error {
	next, count := 0, 0
	for {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return fmt.Errorf("%s holds text", path)
			}
		case xml.StartElement:
			if t.Name.Space != namespace {
				return fmt.Errorf("%s.%s is not in the namespace", path, t.Name.Local)
			}
			for next < len(content) && content[next].Name != t.Name.Local {
				if count == 0 && content[next].Min != "0" {
					return fmt.Errorf("%s lacks %s before %s", path, content[next].Name, t.Name.Local)
				}
				next, count = next+1, 0
			}
			if next == len(content) {
				return fmt.Errorf("%s.%s is unknown or out of order", path, t.Name.Local)
			}
			if count++; count > 1 && content[next].Max != "unbounded" {
				return fmt.Errorf("%s.%s comes twice", path, t.Name.Local)
			}
			if err := w.checkElement(dec, path+"."+t.Name.Local, content[next]); err != nil {
				return err
			}
		case xml.EndElement:
			for ; next < len(content); next, count = next+1, 0 {
				if count == 0 && content[next].Min != "0" {
					return fmt.Errorf("%s lacks %s", path, content[next].Name)
				}
			}
			return nil
		}
	}
}

func (w *wsdl) checkElement(dec *xml.Decoder, path string, e xsdElement) error {
	of := local(e.Type)
	if _, ok := w.types[of]; ok {
		return w.checkContent(dec, path, w.fields(of))
	}
	var s string
	for {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return fmt.Errorf("%s holds an element", path)
		case xml.CharData:
			s += string(t)
		case xml.EndElement:
			return w.checkSimple(path, of, s)
		}
	}
}

func (w *wsdl) checkSimple(path, of, s string) error {
	var err error
	switch of {
	case "string":
	case "int":
		_, err = strconv.ParseInt(s, 10, 32)
	case "short":
		_, err = strconv.ParseInt(s, 10, 16)
	case "long":
		_, err = strconv.ParseInt(s, 10, 64)
	case "decimal":
		_, err = strconv.ParseFloat(s, 64)
	case "boolean":
		_, err = strconv.ParseBool(s)
	default:
		enum, ok := w.enums[of]
		if !ok || !slices.Contains(enum, s) {
			err = fmt.Errorf("%q is no %s", s, of)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
