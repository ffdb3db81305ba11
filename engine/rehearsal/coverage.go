package rehearsal

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/expr"
)

// Coverage says which steps of a pipeline were taken by a test, and which fields of its sinks' mappings were sent and
// looked at by one: named in an expectation, or kept in a snapshot.
type Coverage struct {
	Pipeline string  `json:"pipeline"`
	Steps    []Point `json:"steps"`
	Fields   []Point `json:"fields"`
}

// Point is one thing that a test can cover.
type Point struct {
	Name    string `json:"name"`
	Covered bool   `json:"covered"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Count is how many of some points are covered.
func Count(points []Point) (covered int) {
	for _, p := range points {
		if p.Covered {
			covered++
		}
	}
	return covered
}

// Cover sums up what tests covered of a project's pipelines, and of those that only tests switch on.
func Cover(p *pipelines.Project, results []Result) []Coverage {
	all := map[string]*pipelines.Pipeline{}
	for _, pipeline := range p.Pipelines {
		all[pipeline.Name] = pipeline
	}
	of := map[string][]Result{}
	for _, r := range results {
		all[r.Test.Pipeline.Name] = r.Test.Pipeline
		of[r.Test.Pipeline.Name] = append(of[r.Test.Pipeline.Name], r)
	}
	out := make([]Coverage, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, cover(all[name], of[name]))
	}
	return out
}

func cover(p *pipelines.Pipeline, results []Result) Coverage {
	c := Coverage{Pipeline: p.Name, Steps: []Point{}, Fields: []Point{}}
	touched, dropped, checked := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range results {
		maps.Copy(touched, r.touched)
		maps.Copy(dropped, r.filtered)
		r.checked(checked)
	}
	point := func(name string, covered bool, rng hcl.Range) Point {
		return Point{Name: name, Covered: covered, File: rng.Filename, Line: rng.Start.Line}
	}
	for _, step := range p.Steps {
		name, rng := step.StepName(), step.StepRange()
		switch s := step.(type) {
		case *pipelines.Filter:
			c.Steps = append(c.Steps, point("filter "+name+" keeps", touched[name], rng), point("filter "+name+" drops", dropped[name], rng))
		case *pipelines.Lookup:
			c.Steps = append(c.Steps, point("lookup "+name, touched[name], rng))
		case *pipelines.Transform:
			c.Steps = append(c.Steps, point("transform "+name, touched[name], rng))
		case *pipelines.Sink:
			c.Steps = append(c.Steps, point("sink "+name, touched[name], rng))
			if set, ok := s.Set.(*expr.Expr); ok && set != nil {
				fieldsOf(set.Shape(), name, func(path string, at hcl.Range) {
					c.Fields = append(c.Fields, point(path, checked[path], at))
				})
			}
		}
	}
	return c
}

// fieldsOf visits the innermost fields that a mapping writes out, such as "sale.customer.id"; elements of lists have no
// number.
func fieldsOf(s *expr.Shape, path string, visit func(path string, at hcl.Range)) {
	if s == nil {
		return
	}
	if s.Kind == expr.List {
		fieldsOf(s.Element, path, visit)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		at, written := s.KeyRange(name)
		if !written {
			continue
		}
		inner := 0
		fieldsOf(s.Fields[name], path+"."+name, func(p string, at hcl.Range) {
			inner++
			visit(p, at)
		})
		if inner == 0 {
			visit(path+"."+name, at)
		}
	}
}

// checked adds the paths of what a passing test sent and looked at.
func (r Result) checked(out map[string]bool) {
	if len(r.Failures) > 0 {
		return
	}
	sent := map[string]bool{}
	for _, rec := range r.Records {
		for _, s := range rec.Sent {
			paths(s.Fields, s.Step, sent)
		}
	}
	looked := map[string]bool{}
	for _, e := range r.Test.Expect {
		for _, w := range []*pipelines.Wanted{e.Create, e.Update} {
			if w == nil {
				continue
			}
			for _, object := range w.Objects {
				paths(object, e.Step.StepName(), looked)
			}
			if e.Exact {
				looked = sent
			}
		}
	}
	for path := range sent {
		if r.Test.Snapshot || looked[path] {
			out[path] = true
		}
	}
}

// paths adds the paths of a value and of all it holds, where there is something.
func paths(v any, path string, out map[string]bool) {
	switch v := v.(type) {
	case nil:
		return
	case map[string]any:
		for name, inner := range v {
			paths(inner, path+"."+name, out)
		}
	case []any:
		for _, inner := range v {
			paths(inner, path, out)
		}
	}
	out[path] = true
}
