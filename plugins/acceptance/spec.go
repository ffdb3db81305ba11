package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsimple"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kopru-io/kopru/plugins/record"
)

// Spec is what a connector is tried with: a system it can reach and may write to. Values are record values.
type Spec struct {
	Dir     string         // relative paths are relative to it
	Config  map[string]any // of a connection that works
	Refused []Refused
	Reads   []Read
	Writes  []Write
}

// Refused is a configuration that must be refused, at a setting.
type Refused struct {
	Attribute string
	Config    map[string]any // what differs from Spec.Config
}

// Read is an entity to read, and what is there at least.
type Read struct {
	Entity  string
	Options map[string]any
	AtLeast int
}

// Write is an entity to write. "{unique}" in a text of Create and Match is replaced by the same text for one record and
// another for the next.
type Write struct {
	Entity  string
	Options map[string]any
	Create  map[string]any // fields of a new record
	Update  map[string]any // fields that are changed afterwards
	Match   map[string]any // what a look-up finds it by
	Invalid map[string]any // fields, over those of Create, that are never accepted
}

type specFile struct {
	Config cty.Value `hcl:"config,optional"`
	Refuse []struct {
		Attribute string    `hcl:"attribute,label"`
		Config    cty.Value `hcl:"config"`
	} `hcl:"refuse,block"`
	Read []struct {
		Entity  string    `hcl:"entity,label"`
		Options cty.Value `hcl:"options,optional"`
		AtLeast int       `hcl:"at_least,optional"`
	} `hcl:"read,block"`
	Write []struct {
		Entity  string    `hcl:"entity,label"`
		Options cty.Value `hcl:"options,optional"`
		Create  cty.Value `hcl:"create"`
		Update  cty.Value `hcl:"update,optional"`
		Match   cty.Value `hcl:"match,optional"`
		Invalid cty.Value `hcl:"invalid,optional"`
	} `hcl:"write,block"`
}

// ReadSpec reads a specification from an HCL file. env("NAME") takes a value from the environment.
func ReadSpec(path string, getenv func(string) (string, bool)) (Spec, error) {
	s := Spec{Dir: filepath.Dir(path)}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	env := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, ok := getenv(args[0].AsString())
			if !ok {
				return cty.NilVal, fmt.Errorf("%s is not set in the environment", args[0].AsString())
			}
			return cty.StringVal(v), nil
		},
	})
	var f specFile
	if err := hclsimple.Decode(filepath.Base(path), data, &hcl.EvalContext{Functions: map[string]function.Function{"env": env}}, &f); err != nil {
		return s, err
	}
	var bad error
	object := func(v cty.Value) map[string]any {
		m, err := toRecord(v)
		if err != nil && bad == nil {
			bad = fmt.Errorf("%s: %w", path, err)
		}
		return m
	}
	s.Config = object(f.Config)
	for _, r := range f.Refuse {
		s.Refused = append(s.Refused, Refused{Attribute: r.Attribute, Config: object(r.Config)})
	}
	for _, r := range f.Read {
		s.Reads = append(s.Reads, Read{Entity: r.Entity, Options: object(r.Options), AtLeast: r.AtLeast})
	}
	for _, w := range f.Write {
		s.Writes = append(s.Writes, Write{
			Entity: w.Entity, Options: object(w.Options), Create: object(w.Create), Update: object(w.Update),
			Match: object(w.Match), Invalid: object(w.Invalid),
		})
	}
	return s, bad
}

func toRecord(v cty.Value) (map[string]any, error) {
	if v == cty.NilVal || v.IsNull() {
		return map[string]any{}, nil
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil, fmt.Errorf("an object is needed here, such as { path = \".\" }, not %s", v.Type().FriendlyName())
	}
	data, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, err
	}
	return record.DecodeObject(data)
}

// filled replaces "{unique}" in all texts.
func filled(v any, unique string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "{unique}", unique)
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, field := range v {
			out[name] = filled(field, unique)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = filled(item, unique)
		}
		return out
	}
	return v
}
