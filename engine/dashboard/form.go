package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
)

// settingsRoutes are the form of the settings: it is looked through, then written.
func (r *room) settingsRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /settings", r.get("settings", r.settingsPage))
	mux.HandleFunc("POST /settings/preview", r.get("settings", r.previewPage))
	mux.HandleFunc("POST /settings/plan", r.get("plan", func(req *http.Request) (any, error) {
		changes, err := postedChanges(req)
		if err != nil {
			return nil, err
		}
		return r.planWith(req.Context(), changes, req.PostFormValue("pipeline"))
	}))
	mux.HandleFunc("POST /settings", func(w http.ResponseWriter, req *http.Request) {
		changes, err := postedChanges(req)
		if err == nil {
			err = r.change(req.Context(), changes, req.PostFormValue("seen"))
		}
		var m *mistakes
		switch {
		case errors.Is(err, errMeanwhile), errors.As(err, &m): // shown with the difference against the file as it is now
			form, failed := r.sheet(req.Context(), AskNobody, changes)
			if failed != nil {
				r.fail(w, req, failed)
				return
			}
			form.Meanwhile = errors.Is(err, errMeanwhile)
			r.page(w, req, "settings", form)
		case err != nil:
			r.fail(w, req, err)
		default:
			http.Redirect(w, req, "/settings?written="+url.QueryEscape(strings.Join(sortedKeys(changes), ", ")), http.StatusSeeOther)
		}
	})
}

// settingsForm is the settings while they are answered.
type settingsForm struct {
	Parts   []part
	Flows   []Option // that settings are of
	Since   time.Time
	Lacking []string
	Plain   bool // nobody is asked for any of them
	Unasked bool // the systems know more, and were not asked yet
	File    string

	*Preview
	Changes   string // as JSON, for writing
	Written   string
	Meanwhile bool
}

// Asks tells whether a setting can be answered in the form.
func (f *settingsForm) Asks(name string) bool {
	return slices.ContainsFunc(f.Parts, func(p part) bool {
		return slices.ContainsFunc(p.Fields, func(x field) bool { return x.Name == name })
	})
}

// part is settings that belong together.
type part struct {
	Title  string
	File   string // that declares them, of those that nobody is asked for
	Flow   string // that all of them are of
	Fields []field
}

// field is a setting with how it is asked for.
type field struct {
	VariableLine
	Question
	Given    string // what is in the form
	Chosen   []string
	Entries  []entry
	ToReset  bool
	Wrong    []Problem
	Disabled bool
}

// entry is a key of a map with its value.
type entry struct{ Key, Label, Value string }

// Offers tells whether a value is among those to choose from.
func (f field) Offers(value string) bool {
	return slices.ContainsFunc(f.Values, func(o Option) bool { return o.Value == value })
}

// Long tells whether a text needs room.
func (f field) Long() bool { return len(f.Given) > 40 }

func (r *room) questions(ctx context.Context, ask Ask) (Questions, error) {
	if ask != AskNobody {
		if err := need(ctx, Admin); err != nil {
			return Questions{}, err
		}
	}
	if r.Questions == nil {
		return Questions{List: []Question{}}, nil
	}
	limited, cancel := context.WithTimeout(ctx, 45*time.Second) // a system that does not answer keeps nobody waiting
	defer cancel()
	q := r.Questions(limited, r.Definition().Project, ask)
	for i, text := range q.Lacking {
		q.Lacking[i] = r.Clean(text)
	}
	if q.List == nil {
		q.List = []Question{}
	}
	return q, nil
}

func (r *room) settingsPage(req *http.Request) (any, error) {
	ask := map[string]Ask{"1": AskSystems, "again": AskAgain}[req.FormValue("ask")]
	form, err := r.sheet(req.Context(), ask, nil)
	if err == nil {
		form.Written = req.FormValue("written")
	}
	return form, err
}

func (r *room) previewPage(req *http.Request) (any, error) {
	if err := need(req.Context(), Admin); err != nil {
		return nil, err
	}
	if err := req.ParseForm(); err != nil {
		return nil, refused("The form can't be read: " + err.Error())
	}
	return r.sheet(req.Context(), AskNobody, r.changesOf(req.PostForm))
}

func postedChanges(req *http.Request) (Changes, error) {
	changes := Changes{}
	if err := json.Unmarshal([]byte(req.PostFormValue("changes")), &changes); err != nil {
		return nil, refused("The form can't be read: " + err.Error())
	}
	return changes, nil
}

// changesOf compares what is in the form with what it began with, so that what somebody else changes meanwhile is not
// undone by those who did not touch it.
func (r *room) changesOf(form url.Values) Changes {
	out := Changes{}
	for _, v := range r.settings() {
		was, there := form["was."+v.Name]
		if !v.Editable || !there {
			continue
		}
		if form.Get("default."+v.Name) != "" {
			out[v.Name] = nil
			continue
		}
		given := form.Get("value." + v.Name)
		switch form.Get("kind." + v.Name) {
		case "several":
			given = pipelines.WriteValue(inOrder(v.Type, was[0], form["value."+v.Name]))
		case "map":
			before, _ := pipelines.ReadValue(v.Type, was[0]) // of a map that is none, nothing is kept
			m, _ := before.(map[string]any)
			if m = maps.Clone(m); m == nil {
				m = map[string]any{}
			}
			for name, values := range form {
				key, ours := strings.CutPrefix(name, "entry."+v.Name+".")
				if ours && values[0] == "" {
					delete(m, key)
				} else if ours {
					m[key] = values[0]
				}
			}
			given = pipelines.WriteValue(m)
		}
		if given != was[0] && !sameValue(v.Type, given, was[0]) {
			out[v.Name] = &given
		}
	}
	return out
}

// inOrder lists what was chosen: first what was there before, in its order.
func inOrder(typ, was string, chosen []string) []any {
	before, _ := pipelines.ReadValue(typ, was) // of what is no list, nothing is kept
	list, _ := before.([]any)
	out := []any{}
	for _, item := range list {
		if text, ok := item.(string); ok && slices.Contains(chosen, text) {
			out = append(out, text)
		}
	}
	for _, text := range chosen {
		if !slices.Contains(out, any(text)) {
			out = append(out, text)
		}
	}
	return out
}

func sameValue(typ, a, b string) bool {
	x, errX := pipelines.ReadValue(typ, a)
	y, errY := pipelines.ReadValue(typ, b)
	return errX == nil && errY == nil && record.Equal(x, y)
}

// sheet lays out the settings, with changes that are not written yet.
func (r *room) sheet(ctx context.Context, ask Ask, changes Changes) (*settingsForm, error) {
	q, err := r.questions(ctx, ask)
	if err != nil {
		return nil, err
	}
	mayEdit := who(ctx).Role.May(Admin)
	out := &settingsForm{
		File: pipelines.DefaultVarFile, Since: q.Since, Lacking: q.Lacking, Plain: len(q.List) == 0,
		Unasked: len(q.List) > 0 && q.Since.IsZero() && mayEdit,
	}
	if changes != nil {
		if out.Preview, err = r.preview(ctx, changes); err != nil {
			return nil, err
		}
		data, err := json.Marshal(changes)
		if err != nil {
			return nil, err
		}
		out.Changes = string(data)
	}
	settings := r.settings()
	at := map[string]int{}
	for i, v := range settings {
		at[v.Name] = i
	}
	asked := map[string]bool{}
	add := func(title, file, flow string, f field) {
		i := slices.IndexFunc(out.Parts, func(p part) bool { return p.Title == title && p.File == file })
		if i < 0 {
			i = len(out.Parts)
			out.Parts = append(out.Parts, part{Title: title, File: file, Flow: flow})
		}
		if p := &out.Parts[i]; p.Flow != flow {
			p.Flow = ""
		}
		out.Parts[i].Fields = append(out.Parts[i].Fields, f)
	}
	for _, question := range q.List {
		i, ok := at[question.Setting]
		if !ok || asked[question.Setting] {
			continue
		}
		asked[question.Setting] = true
		if question.Several {
			out.Flows = question.Values
		}
		add(question.Part, "", question.Flow, r.field(settings[i], question, changes, out.Preview, mayEdit))
	}
	for _, v := range settings {
		if asked[v.Name] {
			continue
		}
		flow := strings.TrimSuffix(v.File[strings.LastIndexByte(v.File, '/')+1:], ".hcl")
		if !slices.ContainsFunc(out.Flows, func(o Option) bool { return o.Value == flow }) {
			flow = ""
		}
		add("", v.File, flow, r.field(v, Question{Setting: v.Name, Flow: flow}, changes, out.Preview, mayEdit))
	}
	return out, nil
}

func (r *room) field(v VariableLine, q Question, changes Changes, p *Preview, mayEdit bool) field {
	f := field{VariableLine: v, Question: q, Given: v.Value, Disabled: !mayEdit || !v.Editable}
	if given, ok := changes[v.Name]; ok && given == nil {
		f.ToReset = true
	} else if ok {
		f.Given = *given
	}
	if v.Type == "bool" && len(q.Values) == 0 {
		f.Values = []Option{{Value: "true", Label: "yes"}, {Value: "false", Label: "no"}}
	}
	value, _ := pipelines.ReadValue(v.Type, f.Given) // what can't be read is shown as it is, with what is wrong
	if list, ok := value.([]any); ok && q.Several {
		for _, item := range list {
			if text, ok := item.(string); ok {
				f.Chosen = append(f.Chosen, text)
			}
		}
	}
	if m, ok := value.(map[string]any); ok && q.Map {
		for _, k := range q.Keys {
			text, _ := m[k.Value].(string)
			f.Entries = append(f.Entries, entry{k.Value, k.Label, text})
		}
		for _, key := range sortedKeys(m) {
			if text, ok := m[key].(string); ok && !slices.ContainsFunc(q.Keys, func(o Option) bool { return o.Value == key }) {
				f.Entries = append(f.Entries, entry{key, key, text})
			}
		}
	}
	if p != nil {
		for _, problem := range p.Problems {
			if problem.Where == v.Name {
				f.Wrong = append(f.Wrong, problem)
			}
		}
	}
	return f
}
