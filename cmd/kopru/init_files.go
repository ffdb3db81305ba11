package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/expr"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// readAnswers reads a file of lines such as flows = ["orders"]. Credentials may be env("NAME").
func readAnswers(path string, env func(string) (string, bool)) (answers, error) {
	var a answers
	text, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	file, diags := hclsyntax.ParseConfig(text, filepath.Base(path), hcl.InitialPos)
	if diags.HasErrors() {
		return a, diags
	}
	functions := expr.Functions()
	functions["env"] = expr.Function{Name: "env", Min: 1, Max: 1, Call: func(args []any) (any, error) {
		name, _ := args[0].(string)
		v, ok := env(name)
		if !ok || v == "" {
			return nil, fmt.Errorf("%s is not set in the environment", name)
		}
		return v, nil
	}}
	body, _ := file.Body.(*hclsyntax.Body)
	for name, attr := range body.Attributes {
		compiled, problems := expr.Compile(attr.Expr, &expr.Env{Functions: functions})
		if problems.HasErrors() {
			return a, fmt.Errorf("%s, line %d: %s", path, attr.NameRange.Start.Line, problems[0].Detail)
		}
		v, err := compiled.Eval(&expr.Scope{})
		if err != nil {
			return a, err
		}
		if !a.take(name, v) {
			return a, fmt.Errorf("%s, line %d: %s can't be this; an answers file has bridge, keep, credentials = { … }, flows = […], "+
				"settings = { … }, plan and run", path, attr.NameRange.Start.Line, name)
		}
	}
	return a, nil
}

// take sets one answer, unless there is none of this name or its value is of another type.
func (a *answers) take(name string, v any) (ok bool) {
	switch name {
	case "bridge":
		a.Bridge, ok = v.(string)
	case "keep":
		a.Keep, ok = v.(string)
	case "flows":
		_, ok = v.([]any)
		a.Flows = texts(v)
	case "settings":
		a.Settings, ok = v.(map[string]any)
	case "credentials":
		var m map[string]any
		m, ok = v.(map[string]any)
		a.Credentials = map[string]string{}
		for k, item := range m {
			a.Credentials[k] = record.Text(item)
		}
	case "plan", "run":
		var b bool
		if b, ok = v.(bool); name == "plan" {
			a.Plan = &b
		} else {
			a.Run = &b
		}
	}
	return ok
}

// add takes over what flags say.
func (a *answers) add(keep string, flows, set []string) error {
	if keep != "" {
		a.Keep = keep
	}
	if a.Keep != "" && a.Keep != keepInFile && a.Keep != keepInEnvironment {
		return fmt.Errorf("credentials are kept in %q or %q, not in %q", keepInFile, keepInEnvironment, a.Keep)
	}
	if flows != nil {
		a.Flows = flows
	}
	for _, s := range set {
		name, text, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("--set %s: write it as name=value", s)
		}
		if a.Settings == nil {
			a.Settings = map[string]any{}
		}
		a.Settings[name] = typed(text)
	}
	return nil
}

// typed is the value of a setting as a flag gives it.
type typed string

// of is the text as it is for a setting that is a text, else an expression.
func (t typed) of(s *setting) any {
	v, err := pipelines.ReadValue(s.Type, string(t))
	if err != nil {
		return string(t)
	}
	return v
}

// credential is something that connections.hcl takes from the environment.
type credential struct {
	connection    []string // labels
	address, name string
	variable      string
	standard      string
	about         string
	hidden, kept  bool
}

// setting is a variable of the project.
type setting struct {
	pipelines.Variable
	name, about string
	value       any // as it is now

	allowed []string          // of flows
	flows   map[string]string // what they do
}

// concerns tells whether a setting means something to one of the flows.
func (s *setting) concerns(flows []any) bool {
	flow := flowOf(s.Variable)
	return flow == "" || slices.Contains(flows, any(flow))
}

// settingsOf are the project's variables, with their values.
func settingsOf(p *project) (map[string]*setting, error) {
	out := map[string]*setting{}
	for _, v := range p.Variables {
		out[v.Name] = &setting{Variable: v, name: v.Name, about: v.Description, value: v.Value}
	}
	flows := out["flows"]
	if flows == nil {
		return nil, errors.New("the project has no variable \"flows\", so it is not one that kopru init made")
	}
	flows.flows = flowsOf(p.Project)
	flows.allowed = slices.Sorted(maps.Keys(flows.flows))
	return out, nil
}

// projectFile is the one file that a project needs.
const projectFile = `# The bridge that comes with kopru. What is different here stands in kopru.vars.hcl; a file of this folder stands in the
# place of the bridge's file of the same name: kopru template copy orders.hcl

use "bridge" {
  source = "` + shipped.Name + `"
}
`

const projectReadme = `# A bridge between MplusKASSA and Visma.net

| file | what |
|---|---|
| kopru.hcl | the bridge that this project uses |
| kopru.vars.hcl | the settings of this merchant: change them here, or run kopru init again |
| connections.hcl | the two systems, where their credentials are not in the environment |
| secrets.age | credentials, encrypted; .kopru/secrets.key opens it and belongs nowhere but on the machines that run this |

kopru template lists the bridge's files, and kopru template copy takes one over, to be changed here. kopru check tries
both systems, kopru plan says what would be written, kopru test proves the pipelines, and kopru run keeps the systems in
step.
`

// usesBridge tells whether a file of the folder names the bridge.
func usesBridge(dir string) (bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err != nil {
		return false, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		file, diags := hclwrite.ParseConfig(text, path, hcl.InitialPos)
		if diags.HasErrors() {
			return false, diags
		}
		for _, b := range file.Body().Blocks() {
			source := b.Body().GetAttribute("source")
			if b.Type() == "use" && source != nil && strings.Contains(string(source.Expr().BuildTokens(nil).Bytes()), `"`+shipped.Name+`"`) {
				return true, nil
			}
		}
	}
	return false, nil
}

// settingsFile is a file whose answers change and whose other text stays.
type settingsFile struct {
	path string
	file *hclwrite.File
}

// openSettings reads a file, which begins with a text when it is not there.
func openSettings(path string, begin []byte) (*settingsFile, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = begin, nil
	}
	if err != nil {
		return nil, err
	}
	file, diags := hclwrite.ParseConfig(text, filepath.Base(path), hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return &settingsFile{path, file}, nil
}

func (f *settingsFile) save() error {
	return pipelines.ReplaceFile(f.path, hclwrite.Format(f.file.Bytes()), 0o644)
}

// connectionsOfBridge is the text of the bridge's file of connections.
func connectionsOfBridge() []byte {
	text, err := shipped.Files.ReadFile("connections.hcl")
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

var fromEnvironment = regexp.MustCompile(`^env\("(\w+)"(?:, "([^"]*)")?\)$`)

// credentials lists what the bridge's connections take from the environment, and whether this file still does.
func (f *settingsFile) credentials(manifest func(string) *protocol.Manifest) []credential {
	original, _ := hclwrite.ParseConfig(connectionsOfBridge(), "connections.hcl", hcl.InitialPos)
	var out []credential
	for _, b := range original.Body().Blocks() {
		m := manifest(b.Labels()[0])
		for _, name := range attributesInOrder(b.Body()) {
			call := fromEnvironment.FindSubmatch(bytes.TrimSpace(b.Body().GetAttribute(name).Expr().BuildTokens(nil).Bytes()))
			if call == nil {
				continue
			}
			c := credential{
				connection: b.Labels(), address: strings.Join(b.Labels(), "."), name: name, variable: string(call[1]), standard: string(call[2]),
			}
			for _, a := range m.GetConfig() {
				if a.GetName() == name {
					c.about, c.hidden = firstOf(a.GetDescription()+exampleOf(a)), a.GetSensitive()
				}
			}
			if own := f.file.Body().FirstMatchingBlock("connection", c.connection); own != nil && own.Body().GetAttribute(name) != nil {
				c.kept = fromEnvironment.FindSubmatch(bytes.TrimSpace(own.Body().GetAttribute(name).Expr().BuildTokens(nil).Bytes())) == nil
			}
			out = append(out, c)
		}
	}
	return out
}

func exampleOf(a *protocol.Attribute) string {
	if a.GetExample() == "" {
		return ""
	}
	return " Example: " + a.GetExample()
}

// attributesInOrder are a body's attributes in the order of the text.
func attributesInOrder(body *hclwrite.Body) []string {
	text := string(body.BuildTokens(nil).Bytes())
	names := make([]string, 0, len(body.Attributes()))
	for name := range body.Attributes() {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Index(text, string(body.GetAttribute(a).BuildTokens(nil).Bytes())) -
			strings.Index(text, string(body.GetAttribute(b).BuildTokens(nil).Bytes()))
	})
	return names
}

func (f *settingsFile) setSecret(c credential) {
	if b := f.file.Body().FirstMatchingBlock("connection", c.connection); b != nil {
		b.Body().SetAttributeRaw(c.name, hclwrite.TokensForFunctionCall("secret", hclwrite.TokensForValue(cty.StringVal(c.variable))))
	}
}

func (f *settingsFile) setText(c credential, value string) {
	if b := f.file.Body().FirstMatchingBlock("connection", c.connection); b != nil {
		b.Body().SetAttributeValue(c.name, cty.StringVal(value))
	}
}
