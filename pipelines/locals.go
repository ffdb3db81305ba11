package pipelines

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// locals works the locals out in whatever order they need each other.
func (l *loader) locals(blocks []*hclsyntax.Block) {
	l.localVars = map[string]any{}
	pending := map[string]*hclsyntax.Attribute{}
	for _, block := range blocks {
		for _, name := range sortedNames(block.Body.Attributes) {
			attr := block.Body.Attributes[name]
			if first, ok := pending[name]; ok {
				l.errorf(attr.NameRange, "lang.duplicate", "Local \""+name+"\" is defined twice",
					"The first one is at "+place(first.NameRange)+". Remove one.")
				continue
			}
			pending[name] = attr
			l.localVars[name] = nil // so that a reference to it is not called a mistake
		}
		for _, inner := range block.Body.Blocks {
			l.errorf(inner.DefRange(), "lang.unknown_block", "Unexpected block", "locals has only lines such as name = value.")
		}
	}
	for len(pending) > 0 {
		name, circle := next(pending)
		if circle != nil {
			l.errorf(pending[name].NameRange, "lang.cycle", "Locals need each other in a circle",
				"None of these can be worked out first: "+strings.Join(circle, " → ")+". Write one of them without the others.")
			for _, member := range circle[1:] {
				l.broken["local."+member] = true
				delete(pending, member)
			}
			continue
		}
		l.local(name, pending[name].Expr)
		delete(pending, name)
	}
}

func (l *loader) local(name string, e hclsyntax.Expression) {
	v, ok := l.evaluate(e)
	l.localVars[name] = v
	if !ok {
		l.broken["local."+name] = true
	}
	if len(l.roots(e, l.sensitive)) > 0 || secretCall(e) != nil { // what is made of a secret is one
		l.sensitive["local."+name] = true
		l.secret(v)
	}
}

// next is a local that needs no other pending one, or a circle of them, whose first is also its last.
func next(pending map[string]*hclsyntax.Attribute) (string, []string) {
	name := sortedNames(pending)[0]
	path := []string{name}
	for {
		needs := slices.IndexFunc(localsIn(pending[name].Expr), func(n string) bool { return pending[n] != nil })
		if needs < 0 {
			return name, nil
		}
		name = localsIn(pending[name].Expr)[needs]
		if i := slices.Index(path, name); i >= 0 {
			return name, append(path[i:], name)
		}
		path = append(path, name)
	}
}

// localsIn lists the locals an expression refers to.
func localsIn(e hclsyntax.Expression) []string {
	var out []string
	for _, t := range e.Variables() {
		if t.RootName() == "local" && len(t) > 1 {
			if name := stepName(t[1]); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}
