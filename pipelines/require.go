package pipelines

import (
	"fmt"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// require checks the versions that the project asks for.
func (l *loader) require(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		b := l.body(block)
		for _, attr := range b.rest() {
			b.known = append(b.known, attr.Name)
			v, ok := l.evaluate(attr.Expr)
			if !ok {
				continue
			}
			text, _ := v.(string)
			constraints, err := version.NewConstraint(text)
			if err != nil {
				l.errorf(attr.Expr.Range(), "lang.wrong_value", "Not a version constraint", "Write it like \"~> 1.2\" or \">= 1.0, < 2.0\".")
				continue
			}
			l.checkVersion(attr, constraints)
		}
		b.end()
	}
}

func (l *loader) checkVersion(attr *hclsyntax.Attribute, constraints version.Constraints) {
	m, err := l.opts.Catalog.Manifest(attr.Name)
	if attr.Name == "kopru" {
		if l.opts.Version == "" {
			return
		}
		m, err = &protocol.Manifest{Version: l.opts.Version}, nil
	}
	if err != nil {
		l.unknownConnector(attr.Name, attr.NameRange, err)
		return
	}
	have, err := version.NewVersion(m.GetVersion())
	if err != nil || !constraints.Check(have) {
		l.errorf(attr.Expr.Range(), "lang.version", "Another version of "+attr.Name+" is needed",
			fmt.Sprintf("The project asks for %s; installed is %s. Install the one or change the other.", constraints, m.GetVersion()))
	}
}
