package pipelines

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Reconcile compares, day by day, what one system says happened with what others have booked of it.
type Reconcile struct {
	Name        string
	Description string
	Zone        *time.Location // of its days
	Pipelines   []string       // whose letters and activity say why something is not booked
	Source      *Account
	Targets     []*Account
	Range       hcl.Range
}

// Account is one side of a comparison: the records of an entity, and what each of them comes to.
type Account struct {
	Name       string
	Connection *Connection
	Entity     string
	Schema     *protocol.Entity
	Options    map[string]any
	Keep       Expr // nil = every record counts
	Key        Expr // what both sides know a record by
	Day        Expr // "2026-01-31"
	Amount     Expr // with VAT
	VAT        Expr // list of { rate, vat } or { rate, net }; nil = VAT is not compared
	Currency   Expr // of the amount, such as "EUR"; nil = not said
	Range      hcl.Range
}

func (l *loader) reconciles(blocks []*hclsyntax.Block) {
	for block := range l.distinct("Reconcile", blocks) {
		l.project.Reconciles = append(l.project.Reconciles, l.reconcile(block))
	}
}

func (l *loader) reconcile(block *hclsyntax.Block) *Reconcile {
	b := l.body(block)
	r := &Reconcile{Name: block.Labels[0], Range: block.DefRange()}
	r.Description = b.text("description", "")
	r.Zone = l.zoneOf(b)
	r.Pipelines = sortedNames(b.names("pipelines"))
	b.end("source", "target")
	for _, inner := range block.Body.Blocks {
		if inner.Type != "source" && inner.Type != "target" || !l.labels(inner, []string{"entity"}) {
			continue
		}
		account := l.account(inner)
		switch {
		case inner.Type == "target":
			r.Targets = append(r.Targets, account)
		case r.Source != nil:
			l.errorf(inner.DefRange(), "lang.duplicate", "A second source", "A reconcile block compares one source with its targets.")
		default:
			r.Source = account
		}
	}
	if r.Source == nil || len(r.Targets) == 0 {
		l.errorf(block.DefRange(), "lang.missing_block", "Reconcile \""+r.Name+"\" has not both sides",
			`It compares source "…" { … }, what happened, with one or more target "…" { … }, where it is booked.`)
	}
	return r
}

func (l *loader) account(block *hclsyntax.Block) *Account {
	f := &flow{loader: l, block: block, pipeline: &Pipeline{}, env: l.recordTime(), next: FirstFreeSlot}
	b := f.body(block)
	a := &Account{Name: block.Labels[0], Range: block.DefRange()}
	a.Connection, a.Entity, a.Schema = f.entity(b)
	if a.Schema != nil {
		f.able(block.DefRange(), a.Schema.GetCanRead(), a.Connection, a.Entity, "read")
		shape := expr.OfEntity(a.Schema, a.Entity+" of "+a.Connection.Type)
		f.env.Shapes["record"], f.env.Shapes["source"] = shape, shape
	}
	a.Keep = orNil(f.compile(b, "keep", "true or false", expr.Bool))
	a.VAT = orNil(f.compile(b, "vat", "a list", expr.List))
	a.Currency = orNil(f.compile(b, "currency", "a text", expr.String))
	for _, need := range []struct {
		name, what, why string
		to              *Expr
		fits            []expr.Kind
	}{
		{"key", "a text", "It is what both sides know a record by, such as an order's id.", &a.Key, []expr.Kind{expr.String, expr.Number}},
		{"day", "a text", "It is the day the record counts for, such as its date.", &a.Day, []expr.Kind{expr.String}},
		{"amount", "a number", "It is what the record comes to, with VAT.", &a.Amount, []expr.Kind{expr.Number, expr.String}},
	} {
		e := f.compile(b, need.name, need.what, need.fits...)
		if e == nil {
			b.lack(need.name, need.why)
			e = expr.Constant(nil, block.DefRange())
		}
		*need.to = e
	}
	if a.Schema == nil {
		b.unjudged()
		return a
	}
	a.Options = f.settings(b, a.Schema.GetSourceOptions())
	b.end()
	return a
}
