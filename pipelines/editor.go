package pipelines

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Candidate is something that may stand at a place in a project's text.
type Candidate struct {
	Name string
	Kind string // attribute, block, connection, connector, entity, field, function, name, script or value
	Type string // of a field's or a name's value; "" = not known
	Doc  string
}

// cursor is where an editor asks. What the loader knows there is collected while it loads.
type cursor struct {
	offers   []Candidate
	seen     map[string]bool
	at       hcl.Pos // for describing: the place asked about
	file     string
	mentions []expr.Mention
	docs     map[string]string // of the attributes of the block that holds the place, by name
	says     string            // of a name in quotes at the place, in Markdown
	leads    hcl.Range         // where that name comes from
	named    hcl.Range         // where it stands; empty = there is none
}

// here stands in the text for what is to be completed. It is a name that nobody gives.
const here = "kopru_completes_this"

// offer adds candidates when what is read is the place to be completed.
func (l *loader) offer(name, kind string, names []string, doc func(string) string) {
	if l.opts.cursor == nil || !strings.Contains(name, here) {
		return
	}
	for _, n := range names {
		c := Candidate{Name: n, Kind: kind}
		if doc != nil {
			c.Doc = doc(n)
		}
		l.opts.cursor.add(c)
	}
}

func (c *cursor) add(candidate Candidate) {
	if key := candidate.Kind + " " + candidate.Name; !c.seen[key] {
		c.seen[key] = true
		c.offers = append(c.offers, candidate)
	}
}

// mention sees every name in an expression.
func (l *loader) mention() func(expr.Mention) {
	c := l.opts.cursor
	if c == nil {
		return nil
	}
	return func(m expr.Mention) {
		c.mention(m)
		if !strings.Contains(m.Name, here) {
			return
		}
		for _, name := range m.Names {
			c.add(Candidate{Name: name.Name, Kind: name.Kind, Type: name.Shape.Type(), Doc: cmp.Or(name.Doc, shapeDoc(name.Shape))})
		}
	}
}

// mention notes a name that stands at the place.
func (c *cursor) mention(m expr.Mention) {
	if c != nil && c.holds(m.Range) {
		c.mentions = append(c.mentions, m)
	}
}

// name notes what a text in quotes names: what it is, and where that is said.
func (c *cursor) name(at, from hcl.Range, says string) {
	if c != nil && c.holds(at) {
		c.named, c.leads, c.says = at, from, says
	}
}

func (c *cursor) holds(rng hcl.Range) bool {
	return c.file == rng.Filename && rng.Start.Byte <= c.at.Byte && c.at.Byte <= rng.End.Byte
}

func shapeDoc(s *expr.Shape) string {
	if s == nil {
		return ""
	}
	return fieldDoc(s.Field)
}

// body offers a block's attributes and blocks, and notes what its attributes are for. It tells whether an attribute is
// but the place to be completed.
func (c *cursor) body(b *body, blocks []string) {
	if c == nil {
		return
	}
	doc := func(name string) string { return cmp.Or(b.docs[name], attributeDoc(b.block.Type, name)) }
	for _, attr := range b.block.Body.Attributes {
		if c.holds(attr.NameRange) {
			c.docs[attr.Name] = doc(attr.Name)
		}
	}
	if b.block.Body.Attributes[here] == nil {
		return
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(b.known))) {
		if name != here && b.block.Body.Attributes[name] == nil {
			c.add(Candidate{Name: name, Kind: "attribute", Doc: doc(name)})
		}
	}
	for _, name := range blocks {
		c.add(Candidate{Name: name, Kind: "block", Doc: blockDocs[name]})
	}
}

// Complete lists what may stand at a place of one of the project's files, whose text may be any that is being typed.
func Complete(dir string, opts Options, file string, text []byte, offset int) []Candidate {
	for _, variant := range completable(text, offset) {
		l := opened(dir, opts, file, variant)
		l.opts.cursor.at.Byte = -1
		if strings.HasSuffix(file, TestFile) {
			LoadTests(dir, l.opts)
		} else {
			l.load(nil)
		}
		if offers := l.opts.cursor.offers; len(offers) > 0 {
			return offers
		}
	}
	if m := scriptSetting.FindSubmatch(lineBefore(text, offset)); m != nil {
		return scripts(dir)
	}
	return nil
}

var scriptSetting = regexp.MustCompile(`^\s*script\s*=\s*"[^"]*$`)

// scripts lists the JavaScript and TypeScript files of a folder.
func scripts(dir string) []Candidate {
	var out []Candidate
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if ext := filepath.Ext(name); (ext == ".ts" || ext == ".js") && !strings.Contains(name, ".test.") && !strings.Contains(name, ".d.ts") {
			out = append(out, Candidate{Name: name, Kind: "script"})
		}
	}
	return out
}

// opened is a loader that reads one file from an editor, and sees what is asked about.
func opened(dir string, opts Options, file string, text []byte) *loader {
	opts.cursor = &cursor{file: file, seen: map[string]bool{}, docs: map[string]string{}}
	overlay := map[string][]byte{}
	for name, buffer := range opts.Buffers {
		overlay[name] = buffer
	}
	overlay[file] = text
	opts.Buffers, opts.Detached = overlay, true
	return newLoader(dir, opts)
}

// asked has loaded a project of which a file is in an editor, and has seen what stands at a place of it.
func asked(dir string, opts Options, file string, text []byte, at hcl.Pos) *loader {
	l := opened(dir, opts, file, text)
	l.opts.cursor.at = at
	if !strings.HasSuffix(file, TestFile) {
		l.load(nil)
		return l
	}
	s := newSuite(dir, l.opts)
	tests := s.run()
	world := s.world(nil, hcl.Range{})
	for name, body := range tests {
		world.files[name] = body
		world.project.paths[name] = s.project.paths[name]
	}
	return world
}

func lineBefore(text []byte, offset int) []byte {
	return text[bytes.LastIndexByte(text[:offset], '\n')+1 : offset]
}

var (
	unfinishedText = regexp.MustCompile(`"(?:[^"$%]|\$[^{"]|%[^{"])*$`)
	wordBefore     = regexp.MustCompile(`[\pL\pN_-]*$`)
	wordAfter      = regexp.MustCompile(`^[\pL\pN_-]*`)
	textAfter      = regexp.MustCompile(`^[^"\n]*"?`)
)

// completable is the text with a name at the place to be completed, in the ways in which it might be parsed.
func completable(text []byte, offset int) [][]byte {
	line := lineBefore(text, offset)
	with := func(back, ahead int, name string) []byte {
		return slices.Concat(text[:offset-back], []byte(name), text[offset+ahead:])
	}
	if quotes := bytes.Count(line, []byte(`"`)); quotes%2 == 1 {
		if m := unfinishedText.FindIndex(line); m != nil {
			ahead := textAfter.Find(text[offset:])
			return [][]byte{with(len(line)-m[0], len(ahead), `"`+here+`"`)}
		}
	}
	back, ahead := len(wordBefore.Find(line)), len(wordAfter.Find(text[offset:]))
	plain, item := with(back, ahead, here), with(back, ahead, here+" = null")
	if len(bytes.TrimSpace(line[:len(line)-back])) == 0 { // the word begins its line
		return [][]byte{item, plain}
	}
	return [][]byte{plain, item}
}

// Describe says, in Markdown, what stands at a place, and where it begins and ends.
func Describe(dir string, opts Options, file string, text []byte, at hcl.Pos) (string, hcl.Range, bool) {
	l := asked(dir, opts, file, text, at)
	c := l.opts.cursor
	if c.says != "" {
		return c.says, c.named, true
	}
	for _, m := range c.mentions {
		if doc := m.Function; doc != nil {
			return fmt.Sprintf("**%s**: %s\n\n```hcl\n%s\n```\ngives `%s`", doc.Name, doc.Doc, doc.Example, doc.Result), m.Range, true
		}
		about := cmp.Or(shapeDoc(m.Shape), l.variableDoc(m))
		if m.Shape == nil && !m.Root && about == "" {
			continue
		}
		out := "**" + m.Name + "**"
		if t := m.Shape.Type(); t != "" {
			out += " (" + t + ")"
		}
		if m.Shape != nil && m.Shape.Of != "" && m.Root {
			out += ": " + m.Shape.Of
		}
		if about != "" {
			out += "\n\n" + about
		}
		return out, m.Range, true
	}
	block, attr := l.around(file, at)
	switch {
	case attr != nil && c.docs[attr.Name] != "":
		return "**" + attr.Name + "**: " + c.docs[attr.Name], attr.NameRange, true
	case block != nil:
		return l.describeBlock(block, at)
	}
	return "", hcl.Range{}, false
}

// variableDoc is the description of a variable.
func (l *loader) variableDoc(m expr.Mention) string {
	if b := l.declaration("variable", m.Name); b != nil && m.Of == "var" {
		if attr := b.Body.Attributes["description"]; attr != nil {
			if v, diags := attr.Expr.Value(nil); !diags.HasErrors() {
				return v.AsString()
			}
		}
	}
	return ""
}

// declaration finds a block by its type and labels.
func (l *loader) declaration(kind string, labels ...string) *hclsyntax.Block {
	for _, name := range sortedNames(l.files) {
		for _, b := range l.files[name].Blocks {
			if b.Type == kind && slices.Equal(b.Labels, labels) {
				return b
			}
		}
	}
	return nil
}

// around is the innermost block and the attribute that hold a place.
func (l *loader) around(file string, at hcl.Pos) (block *hclsyntax.Block, attr *hclsyntax.Attribute) {
	body := l.files[file]
	for body != nil {
		for _, a := range body.Attributes {
			if a.SrcRange.Start.Byte <= at.Byte && at.Byte <= a.SrcRange.End.Byte {
				return block, a
			}
		}
		var next *hclsyntax.Body
		for _, b := range body.Blocks {
			if rng := b.Range(); rng.Start.Byte <= at.Byte && at.Byte <= rng.End.Byte {
				block, next = b, b.Body
			}
		}
		body = next
	}
	return block, nil
}

// describeBlock says what a block is, or its connector or entity.
func (l *loader) describeBlock(b *hclsyntax.Block, at hcl.Pos) (string, hcl.Range, bool) {
	inside := func(r hcl.Range) bool { return r.Start.Byte <= at.Byte && at.Byte <= r.End.Byte }
	if inside(b.TypeRange) && blockDocs[b.Type] != "" {
		return "**" + b.Type + "**: " + blockDocs[b.Type], b.TypeRange, true
	}
	for i, rng := range b.LabelRanges {
		if !inside(rng) {
			continue
		}
		if b.Type == "connection" && i == 0 {
			if m, err := l.opts.Catalog.Manifest(b.Labels[0]); err == nil {
				return fmt.Sprintf("**%s** %s: %s", m.GetName(), m.GetVersion(), m.GetSummary()), rng, true
			}
		}
		if entity := l.entityAt(b); entity != nil {
			return "**" + entity.GetName() + "**: " + entity.GetDescription(), rng, true
		}
	}
	return "", hcl.Range{}, false
}

// entityAt is what a step reads or writes.
func (l *loader) entityAt(b *hclsyntax.Block) *protocol.Entity {
	rng := b.DefRange()
	for _, p := range l.project.Pipelines {
		if p.Source != nil && p.Source.Range == rng {
			return p.Source.Schema
		}
		for _, s := range p.Steps {
			switch s := s.(type) {
			case *Lookup:
				if s.Range == rng {
					return s.Schema
				}
			case *Sink:
				if s.Range == rng {
					return s.Schema
				}
			}
		}
	}
	return nil
}

// Define finds where what stands at a place comes from: a variable, a local, a step, a connection, a pipeline or a
// script. The range's file is named with its path.
func Define(dir string, opts Options, file string, text []byte, at hcl.Pos) (hcl.Range, bool) {
	l := asked(dir, opts, file, text, at)
	rng, ok := l.define(file, at)
	rng.Filename = l.project.Path(rng.Filename)
	return rng, ok
}

func (l *loader) define(file string, at hcl.Pos) (hcl.Range, bool) {
	if c := l.opts.cursor; c.leads.Filename != "" {
		return c.leads, true
	}
	block, attr := l.around(file, at)
	if attr != nil {
		if rng, ok := l.setAt(attr); ok {
			return rng, true
		}
	}
	for _, m := range l.opts.cursor.mentions {
		switch {
		case m.Of == "var":
			if b := l.declaration("variable", m.Name); b != nil {
				return b.DefRange(), true
			}
		case m.Of == "local":
			for _, name := range sortedNames(l.files) {
				for _, b := range l.files[name].Blocks {
					if a := b.Body.Attributes[m.Name]; b.Type == "locals" && a != nil {
						return a.NameRange, true
					}
				}
			}
		case m.Root && block != nil:
			if step := l.stepAbove(file, at, m.Name); step != nil {
				return step.DefRange(), true
			}
		}
	}
	return hcl.Range{}, false
}

// setAt follows what an attribute names: a connection, or a file.
func (l *loader) setAt(attr *hclsyntax.Attribute) (hcl.Range, bool) {
	switch attr.Name {
	case "connection":
		if t, diags := hcl.AbsTraversalForExpr(attr.Expr); !diags.HasErrors() && len(t) == 2 {
			if b := l.declaration("connection", t.RootName(), stepName(t[1])); b != nil {
				return b.DefRange(), true
			}
		}
	case "script":
		v, diags := attr.Expr.Value(nil)
		if diags.HasErrors() || v.IsNull() || v.Type() != cty.String || !filepath.IsLocal(v.AsString()) {
			return hcl.Range{}, false
		}
		name := v.AsString()
		l.project.paths[name] = filepath.Join(l.rootOf(name), name)
		return hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}, true
	}
	return hcl.Range{}, false
}

// stepAbove finds a step of the pipeline that holds a place.
func (l *loader) stepAbove(file string, at hcl.Pos, name string) *hclsyntax.Block {
	for _, p := range l.files[file].Blocks {
		if rng := p.Range(); p.Type != "pipeline" || at.Byte < rng.Start.Byte || at.Byte > rng.End.Byte {
			continue
		}
		for _, b := range p.Body.Blocks {
			if (b.Type == "lookup" || b.Type == "sink") && slices.Contains(b.Labels, name) ||
				b.Type == "source" && (name == "record" || name == "source") {
				return b
			}
		}
	}
	return nil
}
