package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/record"
)

// settle asks for flows and settings, with what the systems know as choices, and writes the answers down.
func (w *wizard) settle(ctx context.Context) error {
	p, err := w.load(ctx, w.dir)
	if err != nil {
		return err
	}
	defer p.close()
	settings, err := settingsOf(p)
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, pipelines.DefaultVarFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# The settings of this merchant, where they differ from the bridge's.\n"), nil
	}
	if err != nil {
		return err
	}
	file, err := pipelines.ReadVarFile(text)
	if err != nil {
		return err
	}
	known := newLists(run.NewConnections(run.FromHost(p.host)), p.log)
	sheet := &sheet{wizard: w, settings: settings, file: file, options: func(of shipped.List) []dashboard.Option {
		return known.options(ctx, p.Project, of)
	}}
	if err := sheet.fill(); err != nil {
		return err
	}
	return pipelines.ReplaceFile(path, file.Bytes(), 0o644)
}

// sheet is the settings while they are answered.
type sheet struct {
	*wizard
	settings map[string]*setting
	file     *pipelines.VarFile
	options  optionsOf
}

// set writes an answer down, unless it says what holds anyway.
func (s *sheet) set(file *pipelines.VarFile, one *setting, v any) {
	if !record.Equal(one.value, v) {
		file.Set(one.name, one.about, v)
	}
}

func (s *sheet) fill() error {
	for _, name := range slices.Sorted(maps.Keys(s.given.Settings)) {
		one := s.settings[name]
		if one == nil {
			return fmt.Errorf("there is no setting %q%s; kopru settings lists them", name, didYouMean(name, slices.Collect(maps.Keys(s.settings))))
		}
		v := s.given.Settings[name]
		if text, ok := v.(typed); ok {
			v = text.of(one)
		}
		if err := s.judge(one, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.set(s.file, one, v)
	}
	flows, err := s.flows(s.settings["flows"])
	if err != nil {
		return err
	}
	s.set(s.file, s.settings["flows"], flows)
	for _, choice := range shipped.Choices {
		one := s.settings[choice.Setting]
		if one == nil || !one.concerns(flows) {
			continue
		}
		if _, answered := s.given.Settings[choice.Setting]; answered {
			continue
		}
		value, err := s.answer(one, choice)
		if err != nil {
			return err
		}
		s.set(s.file, one, value)
	}
	return nil
}

// judge says what is wrong with a setting, by the project's own rules.
func (s *sheet) judge(one *setting, v any) error {
	opts, err := s.cli.options()
	if err != nil {
		return err
	}
	opts.Detached = true
	tried := s.file.Clone()
	s.set(tried, one, v)
	opts.Standard = tried.Bytes()
	_, diags := pipelines.VariablesOf(s.dir, opts)
	for _, d := range diags {
		if d.Severity == diag.Error && d.Code == "var.invalid" && strings.Contains(d.Summary, `"`+one.name+`"`) {
			return errors.New(d.Detail)
		}
	}
	return nil
}

func didYouMean(name string, known []string) string {
	if closest := diag.Closest(name, known); closest != "" {
		return fmt.Sprintf(" (did you mean %q?)", closest)
	}
	return ""
}

func (s *sheet) flows(one *setting) ([]any, error) {
	chosen := s.given.Flows
	if chosen == nil {
		var options []option
		for _, name := range one.allowed {
			label := name
			if about := one.flows[name]; about != "" {
				label += " · " + about
			}
			options = append(options, option{name, label})
		}
		var err error
		if chosen, err = s.ask.several("What is to be kept in step?", one.about, options, texts(one.value)); err != nil {
			return nil, err
		}
	}
	out := []any{}
	for _, name := range chosen {
		if !slices.Contains(one.allowed, name) {
			return nil, fmt.Errorf("there is no flow %q%s; there are: %s", name, didYouMean(name, one.allowed), strings.Join(one.allowed, ", "))
		}
		out = append(out, name)
	}
	return out, nil
}

// answer asks for one setting, or for the value of each key of one that is a map.
func (s *sheet) answer(one *setting, c shipped.Choice) (any, error) {
	if one.Type == "bool" {
		yes, _ := one.value.(bool)
		return s.ask.confirm(one.name, one.about, yes, func(answer string) error { return s.judge(one, typed(answer).of(one)) })
	}
	q := question(c, s.options)
	if !q.Map {
		current := record.Text(one.value)
		answer, err := s.oneOf(one.name, one.about, q.Values, current, func(answer string) error { return s.judge(one, typed(answer).of(one)) })
		return typed(answer).of(one), err
	}
	current, _ := one.value.(map[string]any)
	out := maps.Clone(current)
	if out == nil {
		out = map[string]any{}
	}
	for _, key := range q.Keys {
		with := func(answer string) map[string]any {
			next := maps.Clone(out)
			if answer == "" {
				delete(next, key.Value)
			} else {
				next[key.Value] = answer
			}
			return next
		}
		answer, err := s.oneOf(one.name+" of "+key.Label, one.about, q.Values, record.Text(out[key.Value]), func(answer string) error { return s.judge(one, with(answer)) })
		if err != nil {
			return nil, err
		}
		out = with(answer)
	}
	return out, nil
}

// oneOf offers what is known, none, and what stands there now; a text can be typed where nothing is known.
func (s *sheet) oneOf(title, about string, known []dashboard.Option, current string, valid validity) (string, error) {
	if len(known) == 0 {
		return s.ask.input(title, about, current, false, valid)
	}
	var options []option
	for _, o := range known {
		options = append(options, option{o.Value, o.Label})
	}
	if current != "" && !slices.ContainsFunc(known, func(o dashboard.Option) bool { return o.Value == current }) {
		options = append(options, option{current, current + " · not known there"})
	}
	if valid.of("") == nil {
		options = append(options, option{"", "none"})
	}
	return s.ask.choose(title, about, options, current, valid)
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
