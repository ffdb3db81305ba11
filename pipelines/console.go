package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/expr"
)

// Console tries expressions with a project's variables, locals and functions.
type Console struct{ env *expr.Env }

// Open is Load for a console.
func Open(dir string, opts Options) (*Project, *Console, diag.List) {
	l := newLoader(dir, opts)
	l.load(nil)
	env := l.recordTime()
	l.tidy()
	return l.project, &Console{env}, l.diags
}

// Eval evaluates an expression on a record and what is known about it. Its text is called name in diagnostics.
func (c *Console) Eval(text, name string, rec, meta any) (any, diag.List) {
	e, problems := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
	if problems.HasErrors() {
		return nil, fromHCL(problems)
	}
	env := *c.env
	env.Shapes = map[string]*expr.Shape{
		"var": c.env.Shapes["var"], "local": c.env.Shapes["local"], "record": expr.ShapeOf(rec), "source": expr.ShapeOf(rec),
	}
	compiled, diags := expr.Compile(e, &env)
	if diags.HasErrors() {
		return nil, diags
	}
	scope := &Scope{Slots: make([]any, FirstFreeSlot)}
	scope.Slots[SlotRecord], scope.Slots[SlotSource], scope.Slots[SlotMeta] = rec, rec, meta
	v, err := compiled.Eval(scope)
	if err != nil {
		return nil, diag.List{evaluationProblem(err, e.Range())}
	}
	return v, nil
}
