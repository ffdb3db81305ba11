package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// pair reads what makes a sink part of a pair. What the others of the pair are is told when all pipelines are read.
func (f *flow) pair(b *body, s *Sink) {
	name := b.text("pair", "")
	all, some := f.leave(b, "wins")
	switch {
	case name == "" && b.block.Body.Attributes["wins"] != nil:
		f.errorf(b.place("wins"), "lang.conflict", "wins without pair",
			"wins says whose value counts where both sides changed a field. Without pair nobody looks at both sides; add pair, or remove wins.")
	case name != "" && s.ForEach != nil:
		f.errorf(b.place("pair"), "lang.conflict", "pair with for_each",
			"A pair is two records that belong together, and for_each makes many of one. Remove one of them.")
	case name != "":
		s.Pair = &Pair{Name: name, WinsAll: all, Wins: some}
	}
}

// member is a sink of a pair.
type member struct {
	*Sink
	pipeline *Pipeline
	enabled  bool
}

func (m member) writes() string { return kindOf(m.Connection, m.Entity) }

func (m member) reads() string {
	if m.pipeline.Source == nil {
		return ""
	}
	return kindOf(m.pipeline.Source.Connection, m.pipeline.Source.Entity)
}

// kindOf names a kind of record in one system.
func kindOf(c *Connection, entity string) string {
	if c == nil {
		return ""
	}
	return c.Address() + "/" + entity
}

// pairs brings the sinks of each pair together. Those of pipelines that are not enabled count for what the pair is
// about, so that nothing changes its meaning when a flow is turned on.
func (l *loader) pairs(all []*Pipeline) {
	byName := map[string][]member{}
	for _, p := range all {
		for _, step := range p.Steps {
			if s, ok := step.(*Sink); ok && s.Pair != nil {
				byName[s.Pair.Name] = append(byName[s.Pair.Name], member{s, p, slices.Contains(l.project.Pipelines, p)})
			}
		}
	}
	for _, name := range sortedNames(byName) {
		l.bringTogether(name, byName[name])
	}
}

func (l *loader) bringTogether(name string, members []member) {
	var kinds []string
	for _, m := range members {
		if m.Schema == nil || m.pipeline.Source == nil || m.pipeline.Source.Schema == nil {
			return // what is wrong with it was told
		}
		for _, kind := range []string{m.writes(), m.reads()} {
			about := kind == m.writes() || m.Link == nil // else the link says which record it is about
			if kind != "" && about && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	for _, m := range members {
		switch {
		case len(kinds) > 2 || len(kinds) == 1 && m.Link == nil:
			l.errorf(m.Range, "lang.pair", fmt.Sprintf("Pair %q is not of two kinds of records", name),
				fmt.Sprintf("Its sinks write, and their pipelines read: %s. A sink whose pipeline reads a third kind needs link, "+
					"with the id of the record it is about.", strings.Join(kinds, ", ")))
			return
		case len(kinds) == 2:
			m.Pair.From = kinds[0]
			if m.writes() == kinds[0] {
				m.Pair.From = kinds[1]
			}
		}
	}
	for _, m := range members {
		for _, other := range members {
			if m.Pair.Back == nil && other.enabled && other.writes() == m.Pair.From {
				m.Pair.Back = other.Sink
			}
		}
		m.Pair.Direct = m.reads() == m.Pair.From && m.Link == nil
	}
	l.winner(name, members)
}

// winner warns where nobody's value counts.
func (l *loader) winner(name string, members []member) {
	merging := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return !m.Pair.BothWays() || !m.enabled })
	wins := func(m member) bool { return m.Pair.WinsAll || len(m.Pair.Wins) > 0 }
	if len(merging) < 2 || slices.ContainsFunc(merging, wins) {
		return
	}
	l.add(diag.Diagnostic{
		Severity: diag.Warning, Code: "lang.no_winner", Summary: fmt.Sprintf("Nobody wins in pair %q", name),
		Detail: fmt.Sprintf("Pipelines %q and %q write both ways. Where both sides changed a field, it then depends on which pipeline runs first. "+
			`Give one of the sinks wins = "all", or each the fields for which it counts.`, merging[0].pipeline.Name, merging[1].pipeline.Name),
		Subject: merging[0].Range.Ptr(),
	})
}

// Writable tells whether an update of the entity can set the field.
func Writable(entity *protocol.Entity, field string) bool {
	for _, f := range entity.GetFields() {
		if f.GetName() == field {
			return f.GetOnUpdate()
		}
	}
	return entity.GetOpenFields()
}

// MayUpdate tells whether the sink has leave to change a field, named by its path: "address", "address.city",
// "lines[2].text".
func (s *Sink) MayUpdate(path string) bool {
	if !s.Schema.GetCanUpdate() || covers(s.Protect, path) || !s.UpdateAll && !covers(s.Update, path) {
		return false
	}
	return Writable(s.Schema, TopField(path))
}

// BothWays tells whether the record read may also have been written by us, so that the changes of both sides are put
// together field by field.
func (p *Pair) BothWays() bool { return p != nil && p.Direct && p.Back != nil }

// Prevails tells whether the source's value of a field counts where both sides changed it.
func (p *Pair) Prevails(path string) bool { return p.WinsAll || covers(p.Wins, path) }

// covers tells whether a set of fields has a path or a field that the path is inside of.
func covers(fields map[string]bool, path string) bool {
	for i := range len(path) {
		if (path[i] == '.' || path[i] == '[') && fields[path[:i]] {
			return true
		}
	}
	return fields[path]
}

// TopField is the field of the record that a path begins with.
func TopField(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}
