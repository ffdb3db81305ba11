package mpluskassa

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vendorFolder is where the vendor's contract lies beside the tree, if it does.
func vendorFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		folder := filepath.Join(filepath.Dir(dir), "shared", "contracts", "mpluskassa")
		if _, err := os.Stat(folder); err == nil {
			return folder
		}
		if dir == filepath.Dir(dir) {
			t.Skip("the vendor's contract is not here")
		}
		dir = filepath.Dir(dir)
	}
}

// The parts of a WSDL that say what messages look like.
type (
	wsdl struct {
		Schemas []struct {
			Target   string        `xml:"targetNamespace,attr"`
			Types    []wsdlType    `xml:"complexType"`
			Enums    []wsdlEnum    `xml:"simpleType"`
			Elements []wsdlElement `xml:"element"`
		} `xml:"types>schema"`
		Messages []struct {
			Name  string `xml:"name,attr"`
			Parts []struct {
				Element string `xml:"element,attr"`
			} `xml:"part"`
		} `xml:"message"`
		Operations []struct {
			Name   string      `xml:"name,attr"`
			Input  wsdlMessage `xml:"input"`
			Output wsdlMessage `xml:"output"`
		} `xml:"portType>operation"`
	}
	wsdlMessage struct {
		Message string `xml:"message,attr"`
	}
	wsdlType struct {
		Name     string        `xml:"name,attr"`
		Elements []wsdlElement `xml:"sequence>element"`
		Extends  struct {
			Base     string        `xml:"base,attr"`
			Elements []wsdlElement `xml:"sequence>element"`
		} `xml:"complexContent>extension"`
	}
	wsdlElement struct {
		Name string    `xml:"name,attr"`
		Type string    `xml:"type,attr"`
		Min  string    `xml:"minOccurs,attr"`
		Max  string    `xml:"maxOccurs,attr"`
		Own  *wsdlType `xml:"complexType"`
	}
	wsdlEnum struct {
		Name   string `xml:"name,attr"`
		Values []struct {
			Value string `xml:"value,attr"`
		} `xml:"restriction>enumeration"`
	}
)

// vendor is the WSDL by name.
type vendor struct {
	types    map[string]wsdlType
	enums    map[string]map[string]bool
	elements map[string]wsdlElement
	calls    map[string][2]string // operation → request and response element
}

func local(name string) string { return name[strings.Index(name, ":")+1:] }

func readVendor(t *testing.T, folder string) *vendor {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "mplusqapi.wsdl"))
	if err != nil {
		t.Fatal(err)
	}
	var w wsdl
	if err := xml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	v := &vendor{make(map[string]wsdlType), make(map[string]map[string]bool), make(map[string]wsdlElement), make(map[string][2]string)}
	for _, s := range w.Schemas {
		if s.Target != apiSpace {
			continue
		}
		for _, c := range s.Types {
			v.types[c.Name] = c
		}
		for _, e := range s.Enums {
			v.enums[e.Name] = make(map[string]bool)
			for _, value := range e.Values {
				v.enums[e.Name][value.Value] = true
			}
		}
		for _, e := range s.Elements {
			v.elements[e.Name] = e
		}
	}
	parts := make(map[string]string)
	for _, m := range w.Messages {
		for _, p := range m.Parts {
			parts[m.Name] = local(p.Element)
		}
	}
	for _, o := range w.Operations {
		v.calls[o.Name] = [2]string{parts[local(o.Input.Message)], parts[local(o.Output.Message)]}
	}
	return v
}

// sequence is a type's elements, those of its base first.
func (v *vendor) sequence(c wsdlType) []wsdlElement {
	if c.Extends.Base == "" {
		return c.Elements
	}
	return append(v.sequence(v.types[local(c.Extends.Base)]), c.Extends.Elements...)
}

// describe writes a sequence the way contract.txt does.
func (v *vendor) describe(c wsdlType) string {
	var b strings.Builder
	for _, e := range v.sequence(c) {
		mark := map[bool]string{true: "?"}[e.Min == "0"]
		if e.Max != "" && e.Max != "1" {
			mark = map[bool]string{true: "*", false: "+"}[e.Min == "0"]
		}
		kind := local(e.Type)
		if kind == "base64" {
			kind = "base64Binary" // the same text
		}
		fmt.Fprintf(&b, " %s%s:%s", e.Name, mark, kind)
	}
	return b.String()
}

func describe(s *structure) string {
	var b strings.Builder
	for _, f := range s.fields {
		mark := map[bool]string{true: "?"}[f.optional]
		if f.many {
			mark = map[bool]string{true: "*", false: "+"}[f.optional]
		}
		fmt.Fprintf(&b, " %s%s:%s", f.name, mark, f.kind)
	}
	return b.String()
}

func TestContractIsTheVendors(t *testing.T) {
	t.Parallel()
	v, c := readVendor(t, vendorFolder(t)), readContract(contractText)
	for name, s := range c.structures {
		if want, got := v.describe(v.types[name]), describe(s); got != want {
			t.Errorf("type %s is\n%s\nwant\n%s", name, got, want)
		}
	}
	for name, values := range c.enums {
		if fmt.Sprint(values) != fmt.Sprint(v.enums[name]) {
			t.Errorf("enumeration %s is %v, want %v", name, values, v.enums[name])
		}
	}
	for name, op := range c.operations {
		call := v.calls[name]
		if call[0] != name || call[1] != op.response || local(v.elements[op.response].Type) != op.answer.name {
			t.Errorf("%s is answered by %s of type %s, want %v", name, op.response, op.answer.name, call)
		}
		if want, got := v.describe(*v.elements[name].Own), describe(op.request); got != want {
			t.Errorf("request of %s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

// check holds an element of an answer against the WSDL: names, order, required elements, scalars.
func (v *vendor) check(n *node, kind string) error {
	c, complex := v.types[kind]
	if !complex {
		f := &field{name: n.local, kind: kind, enum: v.enums[kind]}
		_, err := bindScalar(n, f)
		return err
	}
	at := 0
	for _, e := range v.sequence(c) {
		count := 0
		for at < len(n.kids) && n.kids[at].local == e.Name && n.kids[at].space == apiSpace {
			if err := v.check(n.kids[at], local(e.Type)); err != nil {
				return fmt.Errorf("%s: %w", n.local, err)
			}
			at, count = at+1, count+1
		}
		if count == 0 && e.Min != "0" || count > 1 && (e.Max == "" || e.Max == "1") {
			return fmt.Errorf("%s has %d × %s", n.local, count, e.Name)
		}
	}
	if at < len(n.kids) {
		return fmt.Errorf("%s: %s is out of place", n.local, n.kids[at].local)
	}
	return nil
}

// TestVendorExamples sends the example requests; every answer must be as the WSDL says.
func TestVendorExamples(t *testing.T) {
	t.Parallel()
	folder := vendorFolder(t)
	v := readVendor(t, folder)
	examples, err := filepath.Glob(filepath.Join(folder, "examples", "*.request.xml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, strict := range []bool{false, true} {
		b := setup(t, 100, Options{Strict: strict})
		known := 0
		for _, file := range examples {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(filepath.Base(file), "-")
			operation := strings.FieldsFunc(rest, func(r rune) bool { return r == '.' || r == '-' })[0]
			op := b.server.contract.operations[operation]
			if op == nil {
				if got := b.fault(500, string(text)); !strings.Contains(got, "not implemented") {
					t.Errorf("%s: %s", operation, got)
				}
				continue
			}
			known++
			b.conform(v, operation, string(text))
		}
		if known < 28 {
			t.Errorf("only %d examples are of operations that are here", known)
		}
	}
}

func (b *bundle) conform(v *vendor, operation, request string) {
	b.Helper()
	status, body := b.post(request)
	if status != 200 {
		b.Errorf("%s: status %d: %s", operation, status, body)
		return
	}
	n, err := bodyChild([]byte(body))
	if err != nil || n.local != v.calls[operation][1] {
		b.Errorf("%s: %v: %s", operation, err, body)
		return
	}
	if err := v.check(n, local(v.elements[n.local].Type)); err != nil {
		b.Errorf("%s: %v", operation, err)
	}
}

func TestAnswersConform(t *testing.T) {
	t.Parallel()
	v := readVendor(t, vendorFolder(t))
	b := setup(t, 300, Options{})
	order, id := newOrder("WEB-1", ""), b.shop.Orders[3].ID
	requests := []string{
		"<createOrder>" + order + "</createOrder>", "<createOrder/>",
		"<createOrderV2><request>" + newOrder("WEB-2", "") + "</request></createOrderV2>",
		"<createOrderV2><request/></createOrderV2>",
		"<createOrderV3><request><idempotencyKey>a</idempotencyKey>" + newOrder("WEB-3", "") + "</request></createOrderV3>",
		"<createOrderV3><request><idempotencyKey>a</idempotencyKey></request></createOrderV3>",
		"<updateOrder><order><orderId>" + id + "</orderId><reference>x</reference></order></updateOrder>", "<updateOrder/>",
		"<findOrder><extOrderId>WEB-1</extOrderId></findOrder>", "<getOrder><orderId>x</orderId></getOrder>",
		"<cancelOrder><orderId>" + id + "</orderId></cancelOrder>",
		"<cancelOrderV2><request><orderId>" + id + "</orderId></request></cancelOrderV2>",
		"<createProduct><product><articleList><article/></articleList></product></createProduct>", "<createProduct/>", "<updateProduct/>",
		"<createRelation><relation><name>x</name></relation></createRelation>", "<createRelation/>", "<updateRelation/>",
		"<updateRelation><relation><relationNumber>101</relationNumber><contactList><relation><name>y</name></relation></contactList>" +
			"</relation></updateRelation>",
		"<getRelation><relationNumber>101</relationNumber></getRelation>", "<findRelation/>", "<getEmployee/>", "<getOrdersByExtOrderIds/>",
		"<getOrders><request><orderTypeList><orderType>ORDER-TYPE-TABLE-ORDER</orderType></orderTypeList></request></getOrders>",
		"<newArticleGroup><request><parentGroupNumber>1</parentGroupNumber><name>x</name><text/></request></newArticleGroup>", "<newArticleGroup/>",
		"<updateArticleGroup><request><groupNumber>2</groupNumber><text>x</text></request></updateArticleGroup>", "<updateArticleGroup/>",
		"<addProductsToArticleGroup/>", "<replaceProductsOfArticleGroup/>", "<deleteProductsFromArticleGroup/>",
		"<deleteArticleGroup><request><groupNumber>2</groupNumber></request></deleteArticleGroup>", "<deleteArticleGroup/>",
		"<getStockHistory><request><branchNumber>1</branchNumber></request></getStockHistory>", "<updateStock/>", "<setStock/>",
	}
	for name := range b.server.contract.operations {
		if strings.HasPrefix(name, "get") {
			requests = append(requests, "<"+name+"/>")
		}
	}
	for _, r := range requests {
		operation := strings.FieldsFunc(r, func(c rune) bool { return strings.ContainsRune("<>/", c) })[0]
		b.conform(v, operation, envelope(qualify(r)))
	}
}
