package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/engine/run"
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

// Changes are settings that somebody wants otherwise: texts as VariableLine.Value has them, nil = the default.
type Changes map[string]*string

// Preview is what the settings file would become.
type Preview struct {
	Seen      string     `json:"seen" doc:"names the file as it is; send it along to have it written"`
	Lines     []FileLine `json:"difference" nullable:"false" doc:"lines that differ, with those around them"`
	Problems  []Problem  `json:"problems" nullable:"false" doc:"what is wrong with it; then it is not written"`
	Pipelines []string   `json:"pipelines" nullable:"false" doc:"of the project as it would be"`

	after   []byte
	project *pipelines.Project
}

// preview says what changes would make of the settings file. It writes nothing.
func (r *room) preview(ctx context.Context, changes Changes) (*Preview, error) {
	if err := need(ctx, Admin); err != nil {
		return nil, err
	}
	before, err := os.ReadFile(r.varFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := &Preview{Seen: seen(before), Lines: []FileLine{}, Problems: []Problem{}, Pipelines: []string{}}
	out.after, err = r.withValues(before, changes)
	var m *mistakes
	if errors.As(err, &m) {
		out.Problems = m.list
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if out.Lines = differences(string(before), string(out.after)); len(out.Lines) == 0 {
		return out, nil
	}
	project, diags, err := r.Try(ctx, out.after)
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		out.Problems = r.problems(diags, out.after, changes)
		return out, nil
	}
	out.project = project
	for _, p := range project.Pipelines {
		out.Pipelines = append(out.Pipelines, p.Name)
	}
	return out, nil
}

func (r *room) varFile() string {
	return filepath.Join(r.Definition().Project.Dir, pipelines.DefaultVarFile)
}

// seen names a text.
func seen(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// errMeanwhile is that somebody else was quicker.
var errMeanwhile = newFault(http.StatusConflict,
	"The settings file was changed meanwhile, in an editor or by somebody else. Nothing was written: look at the difference again.")

// change writes settings into the standard file, when the project is valid with them and the file is as it was seen; ""
// takes it as it is. What else stands in it, comments too, stays.
func (r *room) change(ctx context.Context, changes Changes, as string) error {
	if err := need(ctx, Admin); err != nil {
		return err
	}
	select {
	case r.writes <- struct{}{}:
		defer func() { <-r.writes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p, err := r.preview(ctx, changes)
	switch {
	case err != nil:
		return err
	case as != "" && as != p.Seen:
		return errMeanwhile
	case len(p.Problems) > 0:
		return &mistakes{p.Problems}
	case len(p.Lines) == 0:
		return nil
	}
	// An editor is no party to our turns: look once more, after the check, which takes its time.
	path := r.varFile()
	now, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if seen(now) != p.Seen {
		return errMeanwhile
	}
	if err := pipelines.ReplaceFile(path, p.after, 0o640); err != nil {
		return err
	}
	for _, name := range sortedKeys(changes) {
		value := "default"
		if changes[name] != nil {
			value = *changes[name]
		}
		r.note(ctx, who(ctx).Name, "setting", name+" = "+value)
	}
	return nil
}

// planWith says what a run would do with settings that are not written yet.
func (r *room) planWith(ctx context.Context, changes Changes, pipeline string) (*run.Plan, error) {
	p, err := r.preview(ctx, changes)
	if err != nil {
		return nil, err
	}
	if len(p.Problems) > 0 {
		return nil, &mistakes{p.Problems}
	}
	if p.project == nil {
		return r.plan(ctx, pipeline, "")
	}
	i := slices.IndexFunc(p.project.Pipelines, func(x *pipelines.Pipeline) bool { return x.Name == pipeline })
	if i < 0 {
		return nil, notFound("There would be no pipeline \"" + pipeline + "\".")
	}
	plan, err := r.Runner.Plan(ctx, p.project.Pipelines[i], run.PlanOptions{Limit: planned})
	if err != nil {
		return nil, refused(r.Clean(err.Error()))
	}
	return plan, nil
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
func (r *room) withValues(text []byte, changes Changes) ([]byte, error) {
	file, err := pipelines.ReadVarFile(text)
	if err != nil {
		return nil, refused("The settings file can't be read: " + err.Error() + ". Mend it by hand first.")
	}
	known := map[string]VariableLine{}
	for _, v := range r.settings() {
		known[v.Name] = v
	}
	m := &mistakes{}
	for _, name := range sortedKeys(changes) {
		v, ok := known[name]
		switch {
		case !ok:
			return nil, notFound("There is no setting \"" + name + "\".")
		case v.Secret:
			return nil, refused("\"" + name + "\" is a secret, and those don't belong in a file: give it as KOPRU_VAR_" + name + " in the environment.")
		case !v.Editable:
			return nil, refused("\"" + name + "\" is given by the " + v.From + ", which wins over the file. Change it there.")
		case changes[name] == nil:
			file.Unset(name)
			continue
		}
		value, err := pipelines.ReadValue(v.Type, *changes[name])
		if err != nil {
			m.list = append(m.list, Problem{Where: name, Summary: "The value can't be read", Detail: err.Error()})
			continue
		}
		file.Set(name, v.Description, value)
	}
	if len(m.list) > 0 {
		return nil, m
	}
	return file.Bytes(), nil
}

var quoted = regexp.MustCompile(`"(\w+)"`)

// problems are what the loader says is wrong, each with the setting that it is about.
func (r *room) problems(diags diag.List, text []byte, changes Changes) []Problem {
	var out []Problem
	for _, d := range diags {
		if d.Severity != diag.Error {
			continue
		}
		p := Problem{Summary: r.Clean(d.Summary), Detail: r.Clean(d.Detail)}
		if d.Subject != nil {
			p.Where = d.Subject.Filename
			if d.Subject.Filename == pipelines.DefaultVarFile {
				p.Where = settingAt(text, d.Subject.Start.Byte)
			}
		}
		if m := quoted.FindStringSubmatch(d.Summary); m != nil && strings.HasPrefix(d.Code, "var.") {
			p.Where = m[1]
		}
		out = append(out, p)
	}
	// What a wrong setting breaks further on is no news.
	if about := func(p Problem) bool { _, ours := changes[p.Where]; return ours }; slices.ContainsFunc(out, about) {
		out = slices.DeleteFunc(out, func(p Problem) bool { return !about(p) })
	}
	return out
}

// settingAt is the setting whose lines a place in the file is in.
func settingAt(text []byte, at int) string {
	file, diags := hclsyntax.ParseConfig(text, pipelines.DefaultVarFile, hcl.InitialPos)
	body, ok := file.Body.(*hclsyntax.Body)
	if diags.HasErrors() || !ok {
		return pipelines.DefaultVarFile
	}
	for name, attr := range body.Attributes {
		if rng := attr.Range(); rng.Start.Byte <= at && at <= rng.End.Byte {
			return name
		}
	}
	return pipelines.DefaultVarFile
}

// FileLine is a line of a file that is changed.
type FileLine struct {
	Mark string `json:"mark" enum:",added,removed,gap"`
	Text string `json:"text"`
}

const around = 2 // lines that are shown before and after a difference

// differences are the lines that differ between two texts, with some around them. Settings files are short, so the
// table of common subsequences is made whole.
func differences(before, after string) []FileLine {
	a, b := fileLines(before), fileLines(after)
	if slices.Equal(a, b) {
		return []FileLine{}
	}
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []FileLine
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, FileLine{"", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, FileLine{"removed", a[i]})
			i++
		default:
			all = append(all, FileLine{"added", b[j]})
			j++
		}
	}
	var out []FileLine
	last := -1
	for i := range all {
		near := slices.ContainsFunc(all[max(0, i-around):min(len(all), i+around+1)], func(l FileLine) bool { return l.Mark != "" })
		if !near {
			continue
		}
		if i > last+1 {
			out = append(out, FileLine{"gap", "…"})
		}
		out, last = append(out, all[i]), i
	}
	return out
}

func fileLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
