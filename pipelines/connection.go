package pipelines

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/dustin/go-humanize"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

func (l *loader) unknownConnector(name string, rng hcl.Range, err error) {
	known := l.opts.Catalog.Names()
	l.offer(name, "connector", known, func(name string) string {
		m, err := l.opts.Catalog.Manifest(name)
		if err != nil {
			return err.Error()
		}
		return m.GetSummary()
	})
	summary, suggest := "Unknown connector \""+name+"\"", diag.Closest(name, known)
	var detail string
	switch source := l.sources[name]; {
	case slices.Contains(known, name):
		summary, suggest = "The connector \""+name+"\" can't be used", ""
		detail = err.Error()
	case source != "":
		summary, suggest = "The connector \""+name+"\" is not installed", ""
		detail = fmt.Sprintf("It comes from %s: `kopru connector lock` notes its version, where that is not done, and `kopru connector install` brings it.", source)
	default:
		detail = fmt.Sprintf("No connector %q is installed. Put its program kopru-connector-%s beside kopru, in $KOPRU_CONNECTORS "+
			"or in the project's .kopru/connectors.", name, name)
		if len(known) > 0 {
			detail += " Installed are: " + strings.Join(known, ", ") + "."
		}
	}
	if suggest == "" { // what is wrong with it is not told again at each of its connections
		if l.unusable[name] {
			return
		}
		l.unusable[name] = true
	}
	l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_connector", Summary: summary,
		Detail: detail, Suggest: suggest, Subject: rng.Ptr(),
	})
}

func (l *loader) connections(blocks []*hclsyntax.Block) {
	seen := map[string]hcl.Range{}
	for _, block := range blocks {
		c := &Connection{Type: block.Labels[0], Name: block.Labels[1], Range: block.DefRange(), attributes: block.Body.Attributes}
		l.identifier(block, 0)
		l.identifier(block, 1)
		if first, ok := seen[c.Address()]; ok {
			l.errorf(block.DefRange(), "lang.duplicate", "Connection "+c.Address()+" stands here twice",
				"The first one is at "+place(first)+". Give one of them another name.")
			continue
		}
		seen[c.Address()] = block.DefRange()
		b := l.body(block)
		c.Limit = l.limit(b)
		c.Isolated = b.bool("isolated", false)
		m, err := l.opts.Catalog.Manifest(c.Type)
		if err != nil {
			l.unknownConnector(c.Type, block.LabelRanges[0], err)
			m = nil
		}
		c.Manifest = m
		l.project.Connections = append(l.project.Connections, c)
		if m == nil {
			b.unjudged()
			continue
		}
		c.Config = l.settings(b, m.GetConfig())
		b.end()
	}
}

func (l *loader) limit(b *body) Limit {
	v, rng, ok := b.public("limit")
	if !ok || v == nil {
		return Limit{}
	}
	m, isObject := v.(map[string]any)
	var out Limit
	for name, value := range m {
		d, isNumber := positive(value)
		switch {
		case name == "per_second" && isNumber:
			out.PerSecond, _ = d.Float64() // a rate, not money
		case name == "concurrency" && isNumber:
			i, err := d.Int64()
			out.Concurrency = int(i)
			isObject = isObject && err == nil && i <= mostConcurrency
		case name == "cpus" && isNumber:
			i, err := d.Int64()
			out.CPUs = int(i)
			isObject = isObject && err == nil && i <= mostConcurrency
		case name == "memory":
			text, _ := value.(string)
			bytes, err := humanize.ParseBytes(text)
			out.Memory = int64(bytes) //nolint:gosec // bounded below
			isObject = isObject && err == nil && bytes >= leastMemory && bytes < 1<<50
		default:
			isObject = false
		}
	}
	if !isObject {
		l.errorf(rng, "lang.wrong_value", "Wrong limit",
			"Write it as limit = { per_second = 5, concurrency = 2, memory = \"256MiB\", cpus = 1 }; all are above zero and may be left out; "+
				"concurrency and cpus are whole numbers, memory is at least 16MiB.")
	}
	return out
}

const (
	mostConcurrency = 1000
	leastMemory     = 16 << 20 // bytes; with less, a program does not even start
)

// positive is a number above zero.
func positive(v any) (*apd.Decimal, bool) {
	n, _ := v.(record.Number)
	d, err := n.Decimal()
	return d, err == nil && d.Form == apd.Finite && d.Sign() > 0
}

// settings reads the attributes a connector declares, fills in its defaults, and remembers the secrets.
func (l *loader) settings(b *body, attributes []*protocol.Attribute) map[string]any {
	out := map[string]any{}
	b.docs = map[string]string{}
	for _, a := range attributes {
		b.docs[a.GetName()] = describe(a)
		v, rng, ok := b.value(a.GetName())
		if text, isText := v.(string); isText {
			l.offer(text, "value", a.GetValues(), nil)
		}
		present := b.block.Body.Attributes[a.GetName()] != nil
		switch {
		case present && !ok: // told already
			continue
		case !present || v == nil:
			if a.GetRequired() {
				b.lack(a.GetName(), describe(a))
			} else if a.GetDefaultJson() != "" {
				out[a.GetName()], _ = record.Decode([]byte(a.GetDefaultJson()))
			}
			continue
		}
		value, err := settingOf(v, a)
		if err != nil {
			l.errorf(rng, "lang.wrong_type", "Wrong value for "+a.GetName(), fmt.Sprintf("%v. %s", err, describe(a)))
			continue
		}
		if a.GetSensitive() {
			l.secret(value)
			l.plainSecret(b.block.Body.Attributes[a.GetName()].Expr, a.GetName())
		}
		out[a.GetName()] = value
	}
	return out
}

func describe(a *protocol.Attribute) string {
	text := strings.TrimSuffix(a.GetDescription(), ".") + "."
	if a.GetExample() != "" {
		text += " Example: " + a.GetExample()
	}
	return text
}

// settingOf converts a value to an attribute's type. Its error does not hold the value, which may be a secret.
func settingOf(v any, a *protocol.Attribute) (any, error) {
	text, isText := v.(string)
	if n, _ := v.(record.Number); len(a.GetValues()) > 0 && !slices.Contains(a.GetValues(), text+string(n)) {
		return nil, fmt.Errorf("it is one of: %s", strings.Join(a.GetValues(), ", "))
	}
	switch a.GetType() {
	case protocol.AttributeType_ATTRIBUTE_TYPE_STRING:
		if n, ok := v.(record.Number); ok {
			return string(n), nil
		}
		if isText {
			return v, nil
		}
	case protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER, protocol.AttributeType_ATTRIBUTE_TYPE_DECIMAL:
		return settingNumber(v, a.GetType() == protocol.AttributeType_ATTRIBUTE_TYPE_INTEGER)
	case protocol.AttributeType_ATTRIBUTE_TYPE_BOOL:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case protocol.AttributeType_ATTRIBUTE_TYPE_DURATION:
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			return v, nil
		}
		return nil, fmt.Errorf("a length of time such as \"30s\" is needed")
	case protocol.AttributeType_ATTRIBUTE_TYPE_DATE:
		if _, err := time.Parse(time.DateOnly, text); isText && (text == "" || err == nil) {
			return v, nil
		}
		return nil, fmt.Errorf("a day such as \"2026-01-31\" is needed")
	case protocol.AttributeType_ATTRIBUTE_TYPE_URL:
		if err := checkURL(text); err != nil {
			return nil, err
		}
		return v, nil
	case protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST:
		return conform(v, listOfText)
	case protocol.AttributeType_ATTRIBUTE_TYPE_STRING_MAP:
		return conform(v, mapOfText)
	case protocol.AttributeType_ATTRIBUTE_TYPE_OBJECT_MAP:
		objects, ok := v.(map[string]any)
		for _, o := range objects {
			_, isObject := o.(map[string]any)
			ok = ok && isObject
		}
		if !ok {
			return nil, fmt.Errorf("objects by name are needed, such as { order = { … } }")
		}
		return v, nil
	default:
		return v, nil
	}
	return nil, fmt.Errorf("a %s was given", record.Kind(v))
}

func settingNumber(v any, whole bool) (any, error) {
	n, ok := v.(record.Number)
	if s, isText := v.(string); isText {
		n, ok = record.Number(s), true
	}
	d, err := n.Decimal()
	if !ok || err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("a number is needed, not a %s", record.Kind(v))
	}
	if !whole {
		return record.FromDecimal(d), nil
	}
	i, err := d.Int64()
	if err != nil {
		return nil, fmt.Errorf("a whole number is needed")
	}
	return record.Int(i), nil
}

// checkURL refuses plain http except to this machine.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("an address such as https://api.example.com is needed")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !protocol.Loopback(u.Hostname())) {
		return fmt.Errorf("the address must begin with https://; plain http is accepted only to this machine")
	}
	if u.User != nil {
		return fmt.Errorf("credentials don't belong in the address")
	}
	return nil
}

// offerConnections completes a reference such as mpluskassa.shop, or what stands after its dot.
func (l *loader) offerConnections(t hcl.Traversal) {
	if len(t) == 0 {
		return
	}
	for _, c := range l.project.Connections {
		l.offer(t.RootName(), "connection", []string{c.Address()}, nil)
		if len(t) == 2 && c.Type == t.RootName() {
			l.offer(stepName(t[1]), "connection", []string{c.Name}, nil)
		}
	}
}

// connection resolves a reference such as mpluskassa.shop.
func (l *loader) connection(b *body) *Connection {
	attr := b.attr("connection")
	if attr == nil {
		b.lack("connection", "Name one of the connections of this project, such as connection = file.here.")
		return nil
	}
	traversal, diags := hcl.AbsTraversalForExpr(attr.Expr)
	l.offerConnections(traversal)
	name := ""
	if len(traversal) == 2 {
		name = stepName(traversal[1])
	}
	if diags.HasErrors() || name == "" {
		l.errorf(attr.Expr.Range(), "lang.wrong_type", "Not a connection",
			"Write the connector's name, a dot and the connection's name, without quotes, such as file.here.")
		return nil
	}
	address := traversal.RootName() + "." + name
	var known []string
	for _, c := range l.project.Connections {
		if c.Address() == address {
			return c
		}
		if c.Manifest == nil && c.Name == name { // its connector's name is wrong there, which was told
			return nil
		}
		known = append(known, c.Address())
	}
	detail := fmt.Sprintf("Declare it with connection %q %q { … }.", traversal.RootName(), name)
	if len(known) > 0 {
		detail += " There are: " + strings.Join(known, ", ") + "."
	}
	l.add(diag.Diagnostic{
		Severity: diag.Error, Code: "lang.unknown_connection", Summary: "Unknown connection " + address,
		Detail: detail, Suggest: diag.Closest(address, known), Subject: attr.Expr.Range().Ptr(),
	})
	return nil
}
