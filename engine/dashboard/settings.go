package dashboard

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// VariableLine is a setting of the project.
type VariableLine struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description,omitempty"`
	Value       string   `json:"value" doc:"as it is written in the settings file, a text without quotes"`
	Default     string   `json:"default"`
	From        string   `json:"from" enum:"default,file,environment,command line"`
	Secret      bool     `json:"secret,omitempty"`
	Rules       []string `json:"rules" nullable:"false"`
	File        string   `json:"file" doc:"where it is declared"`
	Editable    bool     `json:"editable"`
}

func (r *room) settings() []VariableLine {
	out := []VariableLine{}
	for _, v := range r.Definition().Project.Variables {
		line := VariableLine{
			Name: v.Name, Type: v.Type, Description: v.Description, From: v.From, Secret: v.Sensitive,
			Rules: append([]string{}, v.Rules...), File: v.Range.Filename,
			Editable: !v.Sensitive && (v.From == "default" || v.From == "file"),
		}
		if !v.Sensitive {
			line.Value, line.Default = plain(v.Value), plain(v.Default)
			if v.Value == nil {
				line.Value = ""
			}
		}
		out = append(out, line)
	}
	return out
}

// mistakes are what is wrong with settings that somebody wants.
type mistakes struct{ list []Problem }

func (m *mistakes) Error() string {
	text := ""
	for _, p := range m.list {
		text += p.Summary + ". " + p.Detail + "\n"
	}
	return text
}
func (m *mistakes) GetStatus() int { return 422 }

// change writes settings into the standard file, when the project is valid with them. What else stands in the file,
// comments too, stays as it is. A nil value takes the setting out, so that its default counts.
func (r *room) change(ctx context.Context, values map[string]*string) error {
	if err := need(ctx, Admin); err != nil {
		return err
	}
	select {
	case r.writes <- struct{}{}:
		defer func() { <-r.writes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	path := filepath.Join(r.Definition().Project.Dir, pipelines.DefaultVarFile)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	after, err := r.withValues(before, values)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	_, diags, err := r.Try(ctx, after)
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return r.asMistakes(diags)
	}
	if err := pipelines.ReplaceFile(path, after, 0o640); err != nil {
		return err
	}
	for _, name := range sortedKeys(values) {
		value := "default"
		if values[name] != nil {
			value = *values[name]
		}
		r.note(ctx, who(ctx).Name, "setting", name+" = "+value)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// withValues is the text of the settings file with other values.
func (r *room) withValues(text []byte, values map[string]*string) ([]byte, error) {
	file, diags := hclwrite.ParseConfig(text, pipelines.DefaultVarFile, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, refused("The settings file can't be read: " + diags.Error() + ". Mend it by hand first.")
	}
	known := map[string]VariableLine{}
	for _, v := range r.settings() {
		known[v.Name] = v
	}
	for _, name := range sortedKeys(values) {
		v, ok := known[name]
		switch {
		case !ok:
			return nil, notFound("There is no setting \"" + name + "\".")
		case v.Secret:
			return nil, refused("\"" + name + "\" is a secret, and those don't belong in a file: give it as KOPRU_VAR_" + name + " in the environment.")
		case !v.Editable:
			return nil, refused("\"" + name + "\" is given by the " + v.From + ", which wins over the file. Change it there.")
		}
		value := values[name]
		switch {
		case value == nil:
			file.Body().RemoveAttribute(name)
		case v.Type == "string":
			file.Body().SetAttributeValue(name, cty.StringVal(*value))
		default:
			tokens, err := expression(name, *value)
			if err != nil {
				return nil, err
			}
			file.Body().SetAttributeRaw(name, tokens)
		}
	}
	return hclwrite.Format(file.Bytes()), nil
}

// expression reads a value that is no text.
func expression(name, value string) (hclwrite.Tokens, error) {
	_, diags := hclsyntax.ParseExpression([]byte(value), name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, &mistakes{[]Problem{{Where: name, Summary: "The value can't be read", Detail: diags[0].Detail}}}
	}
	file, diags := hclwrite.ParseConfig([]byte("v = "+value+"\n"), name, hcl.InitialPos)
	if diags.HasErrors() || len(file.Body().Attributes()) != 1 || len(file.Body().Blocks()) != 0 {
		return nil, &mistakes{[]Problem{{Where: name, Summary: "The value can't be read", Detail: "Write one value, such as 2, true or [\"a\", \"b\"]."}}}
	}
	return file.Body().GetAttribute("v").Expr().BuildTokens(nil), nil
}

func (r *room) asMistakes(diags diag.List) error {
	m := &mistakes{}
	for _, d := range diags {
		if d.Severity != diag.Error {
			continue
		}
		p := Problem{Summary: r.Clean(d.Summary), Detail: r.Clean(d.Detail)}
		if d.Subject != nil {
			p.Where = d.Subject.Filename
		}
		m.list = append(m.list, p)
	}
	return m
}
