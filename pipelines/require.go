package pipelines

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// LockFile says which connectors a project runs with, to the byte. It stands beside the definition and is no part of it.
const LockFile = "kopru.lock.hcl"

// Requirement is a connector that a project uses, with what it asks of it.
type Requirement struct {
	Name    string
	Version version.Constraints // empty = any
	Source  string              // where it is fetched from: a folder, https://…, oci://…; "" = it is installed by other means
	Key     string              // the publisher's, whose signature it must have
	Range   hcl.Range
}

// Requirements returns the connectors that a project uses, by name, without looking at any of them.
func Requirements(dir string, opts Options) ([]Requirement, diag.List) {
	l := newLoader(dir, opts)
	l.read(dir)
	blocks := l.sort()
	needed := map[string]Requirement{}
	for _, r := range l.requirements(blocks["require"]) {
		needed[r.Name] = r
	}
	for _, block := range blocks["connection"] {
		if _, ok := needed[block.Labels[0]]; !ok {
			needed[block.Labels[0]] = Requirement{Name: block.Labels[0], Range: block.DefRange()}
		}
	}
	delete(needed, "kopru")
	l.tidy()
	var out []Requirement
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		out = append(out, needed[name])
	}
	return out, l.diags
}

// require checks the versions that the project asks for.
func (l *loader) require(blocks []*hclsyntax.Block) {
	for _, r := range l.requirements(blocks) {
		l.checkVersion(r)
	}
}

func (l *loader) requirements(blocks []*hclsyntax.Block) (out []Requirement) {
	for _, block := range blocks {
		b := l.body(block)
		for _, attr := range b.rest() {
			b.known = append(b.known, attr.Name)
			if v, ok := l.evaluate(attr.Expr); ok {
				if r, ok := l.requirement(attr, v); ok {
					l.sources[r.Name] = r.Source
					out = append(out, r)
				}
			}
		}
		b.end()
	}
	return out
}

func (l *loader) requirement(attr *hclsyntax.Attribute, v any) (r Requirement, ok bool) {
	r = Requirement{Name: attr.Name, Range: attr.Expr.Range()}
	constraint, ok := v.(string)
	if m, isObject := v.(map[string]any); isObject {
		ok = true
		for name, value := range m {
			text, isText := value.(string)
			switch name {
			case "version":
				constraint = text
			case "source":
				r.Source = text
			case "key":
				r.Key = text
			default:
				isText = false
			}
			ok = ok && isText && text != ""
		}
		ok = ok && (r.Source == "") == (r.Key == "")
	}
	if !ok {
		l.errorf(r.Range, "lang.wrong_value", "Not a requirement", "Write a version such as \"~> 1.2\", or where the connector comes from: "+
			"{ version = \"~> 1.2\", source = \"https://connectors.example.com\", key = \"RW…\" }, with the publisher's public key.")
		return r, false
	}
	if constraint == "" {
		return r, true
	}
	constraints, err := version.NewConstraint(constraint)
	if err != nil {
		l.errorf(r.Range, "lang.wrong_value", "Not a version constraint", "Write it like \"~> 1.2\" or \">= 1.0, < 2.0\".")
		return r, false
	}
	r.Version = constraints
	return r, true
}

func (l *loader) checkVersion(r Requirement) {
	m, err := l.opts.Catalog.Manifest(r.Name)
	if r.Name == "kopru" {
		if l.opts.Version == "" {
			return
		}
		m, err = &protocol.Manifest{Version: l.opts.Version}, nil
	}
	if err != nil {
		l.unknownConnector(r.Name, r.Range, err)
		return
	}
	have, err := version.NewVersion(m.GetVersion())
	if err != nil || !r.Version.Check(have) {
		l.errorf(r.Range, "lang.version", "Another version of "+r.Name+" is needed",
			fmt.Sprintf("The project asks for %s; installed is %s. Install the one or change the other.", r.Version, m.GetVersion()))
	}
}
