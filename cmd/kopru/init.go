package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/pipelines/secret"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Where credentials are kept.
const (
	keepInFile        = "file"
	keepInEnvironment = "env"
)

// answers are what is known before anything is asked.
type answers struct {
	Bridge      string
	Keep        string            // keepInFile or keepInEnvironment
	Credentials map[string]string // by variable of the environment
	Flows       []string
	Settings    map[string]any
	Plan, Run   *bool
}

func (c *cli) initCommand() *cobra.Command {
	var file, keep string
	var flows, set []string
	var yes bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Set up a project: ask for systems, credentials, flows and settings, try them, and plan",
		Long: "Set up a project in a folder, or change the answers of one that is there.\n\nWithout a terminal, with --yes or with " +
			"--answers, nothing is asked: credentials are taken from the answers or from the environment, and what has no answer " +
			"keeps its value. Files that are there stay as they are, but for the settings and credentials that are answered.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := &wizard{cli: c, dir: "."}
			if len(args) == 1 {
				w.dir = args[0]
			}
			var err error
			if file != "" {
				if w.given, err = readAnswers(file, c.env); err != nil {
					return err
				}
			}
			if err := w.given.add(keep, flows, set); err != nil {
				return err
			}
			w.ask = silent{}
			if !yes && file == "" && isatty.IsTerminal(c.in.Fd()) {
				w.ask = newForms(cmd.Context(), c.in, c.out)
			}
			return w.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&file, "answers", "", "read answers from a `file`, and ask nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "ask nothing")
	cmd.Flags().StringVar(&keep, "credentials", "", "where credentials are kept: \"file\" (encrypted, in the project) or \"env\"")
	cmd.Flags().StringSliceVar(&flows, "flows", nil, "what is kept in step, such as orders,products")
	cmd.Flags().StringArrayVar(&set, "set", nil, "answer a setting, `name=value` (may be repeated)")
	return cmd
}

// wizard makes a project out of answers.
type wizard struct {
	*cli
	dir   string
	given answers
	ask   asker
}

// asker asks a human, or takes what there is.
type asker interface {
	input(title, about, value string, hidden bool) (string, error)
	choose(title, about string, options []option, value string) (string, error)
	several(title, about string, options []option, values []string) ([]string, error)
	confirm(title, about string, value bool) (bool, error)
}

// option is one of several answers.
type option struct{ value, label string }

// silent asks nothing.
type silent struct{}

func (silent) input(_, _, value string, _ bool) (string, error)         { return value, nil }
func (silent) choose(_, _ string, _ []option, v string) (string, error) { return v, nil }
func (silent) several(_, _ string, _ []option, v []string) ([]string, error) {
	return v, nil
}
func (silent) confirm(_, _ string, value bool) (bool, error) { return value, nil }

func (w *wizard) run(ctx context.Context) error {
	if w.given.Bridge != "" && w.given.Bridge != shipped.Name {
		return fmt.Errorf("there is no bridge %q; there is: %s", w.given.Bridge, shipped.Name)
	}
	if _, err := w.ask.choose("Which systems?", "Kopru ships with these bridges.",
		[]option{{shipped.Name, "MplusKASSA and Visma.net"}}, shipped.Name); err != nil {
		return err
	}
	if err := w.copyFiles(); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	return w.tryOut(ctx)
}

// copyFiles puts the bridge's files where there are none of the name: what is there is somebody's work.
func (w *wizard) copyFiles() error {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	names, err := shipped.Files.ReadDir(".")
	if err != nil {
		return err
	}
	files := map[string][]byte{".gitignore": []byte(".kopru/\n"), "README.md": []byte(projectReadme)}
	for _, f := range names {
		if files[f.Name()], err = shipped.Files.ReadFile(f.Name()); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(files[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

const projectReadme = `# A bridge between MplusKASSA and Visma.net

| file | what |
|---|---|
| kopru.vars.hcl | the settings of this merchant: change them here, or run kopru init again |
| connections.hcl | the two systems |
| variables.hcl | every setting there is, with its meaning |
| orders.hcl and others | what happens to each record, step by step |
| secrets.age | credentials, encrypted; .kopru/secrets.key opens it and belongs nowhere but on the machines that run this |

kopru check tries both systems, kopru plan says what would be written, kopru test proves the pipelines, and kopru run
keeps the systems in step.
`

// connect asks for credentials until both systems answer, or until it is told to go on.
func (w *wizard) connect(ctx context.Context) error {
	file, err := openSettings(filepath.Join(w.dir, "connections.hcl"))
	if err != nil {
		return err
	}
	for again := false; ; again = true {
		if err := w.credentials(file, again); err != nil {
			return err
		}
		bad, err := w.check(ctx)
		if err != nil {
			return err
		}
		if len(bad) == 0 {
			return nil
		}
		if _, quiet := w.ask.(silent); quiet {
			return exit(exitFailed)
		}
		retry, err := w.ask.confirm("Enter the credentials again?", strings.Join(bad, "\n"), true)
		if err != nil || !retry {
			return errors.Join(err, exit(exitFailed))
		}
	}
}

// credentials asks for what connections.hcl takes from the environment.
func (w *wizard) credentials(file *settingsFile, again bool) error {
	wanted := file.credentials(w.manifest)
	kept := slices.ContainsFunc(wanted, func(c credential) bool { return c.kept })
	_, quiet := w.ask.(silent)
	if kept && !again && !quiet {
		change, err := w.ask.confirm("Change the credentials?", "The project has some already.", false)
		if err != nil || !change {
			return err
		}
	}
	keep := w.given.Keep
	if keep == "" {
		var err error
		standard := keepInFile
		if quiet && !kept {
			standard = keepInEnvironment
		}
		keep, err = w.ask.choose("Where are credentials kept?", "They never stand in plain text in the project.", []option{
			{keepInFile, "in an encrypted file of the project, secrets.age"},
			{keepInEnvironment, "in variables of the environment, as services and containers have them"},
		}, standard)
		if err != nil {
			return err
		}
	}
	if keep == keepInEnvironment && (quiet || !again) {
		return w.fromEnvironment(wanted)
	}
	store := secret.Open(w.dir, w.env)
	for _, c := range wanted {
		value, answered := w.given.Credentials[c.variable]
		if !answered {
			value, _ = w.env(c.variable)
		}
		if c.kept && value == "" && quiet {
			continue
		}
		value, err := w.ask.input(c.address+": "+c.name, c.about, firstOf(value, c.standard), c.hidden)
		if err != nil {
			return err
		}
		if value == "" {
			return fmt.Errorf("%s of %s is needed; answer credentials { %s }, or set it in the environment", c.name, c.address, c.variable)
		}
		if c.hidden {
			if err := store.Set(c.variable, value); err != nil {
				return err
			}
			file.setSecret(c)
		} else if value != c.standard {
			file.setText(c, value)
		}
	}
	return file.save()
}

// fromEnvironment says which variables are lacking.
func (w *wizard) fromEnvironment(wanted []credential) error {
	var lacking []string
	for _, c := range wanted {
		if v, _ := w.env(c.variable); v == "" && c.standard == "" && !c.kept {
			lacking = append(lacking, c.variable)
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("set these in the environment, then run kopru init again: %s", strings.Join(lacking, ", "))
	}
	return nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// manifest describes a connector.
func (w *wizard) manifest(name string) *protocol.Manifest {
	h := w.newHost(w.dir, w.logger(nil))
	defer h.Close()
	m, err := h.Manifest(context.Background(), name)
	if err != nil {
		return &protocol.Manifest{Name: name}
	}
	return m
}

// check tries the connections and returns what is wrong.
func (w *wizard) check(ctx context.Context) ([]string, error) {
	p, err := w.load(ctx, w.dir)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var bad []string
	for _, def := range p.Connections {
		answer := p.check(ctx, def)
		w.printChecked(answer)
		if !answer.OK {
			for _, x := range answer.Problems {
				bad = append(bad, answer.Connection+": "+x.Summary+" "+x.Detail)
			}
		}
	}
	return bad, nil
}

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
	file, err := openSettings(filepath.Join(w.dir, pipelines.DefaultVarFile))
	if err != nil {
		return err
	}
	for name := range w.given.Settings {
		if settings[name] == nil {
			return fmt.Errorf("there is no setting %q; variables.hcl lists them", name)
		}
	}
	flows, err := w.flows(settings["flows"])
	if err != nil {
		return err
	}
	file.setSetting(settings["flows"], flows)
	lists := &lists{ctx: ctx, p: p, known: map[shipped.List][]option{}}
	for _, name := range slices.Sorted(maps.Keys(w.given.Settings)) {
		v := w.given.Settings[name]
		if text, ok := v.(typed); ok {
			v = text.of(settings[name])
		}
		file.setSetting(settings[name], v)
	}
	for _, choice := range shipped.Choices {
		s := settings[choice.Setting]
		if s == nil || !s.concerns(flows) {
			continue
		}
		if _, answered := w.given.Settings[choice.Setting]; answered {
			continue
		}
		value, err := w.setting(s, choice, lists)
		if err != nil {
			return err
		}
		file.setSetting(s, value)
	}
	return file.save()
}

func (w *wizard) flows(s *setting) ([]any, error) {
	chosen := w.given.Flows
	if chosen == nil {
		var options []option
		for _, name := range s.allowed {
			options = append(options, option{name, name})
		}
		var err error
		if chosen, err = w.ask.several("What is to be kept in step?", s.about, options, texts(s.value)); err != nil {
			return nil, err
		}
	}
	out := []any{}
	for _, name := range chosen {
		if !slices.Contains(s.allowed, name) {
			return nil, fmt.Errorf("there is no flow %q; there are: %s", name, strings.Join(s.allowed, ", "))
		}
		out = append(out, name)
	}
	return out, nil
}

// setting asks for one setting, or for the value of each key of one that is a map.
func (w *wizard) setting(s *setting, c shipped.Choice, l *lists) (any, error) {
	if c.Keys == nil {
		current, _ := s.value.(string)
		return w.oneOf(s.name, s.about, l.options(c.Values), current)
	}
	current, _ := s.value.(map[string]any)
	out := maps.Clone(current)
	if out == nil {
		out = map[string]any{}
	}
	for _, key := range l.options(*c.Keys) {
		before, _ := out[key.value].(string)
		v, err := w.oneOf(s.name+" of "+key.label, s.about, l.options(c.Values), before)
		if err != nil {
			return nil, err
		}
		if v != "" {
			out[key.value] = v
		}
	}
	return out, nil
}

// oneOf offers what the system knows, none, and what stands there now.
func (w *wizard) oneOf(title, about string, known []option, current string) (string, error) {
	if len(known) == 0 {
		return w.ask.input(title, about, current, false)
	}
	options := slices.Clone(known)
	if current != "" && !slices.ContainsFunc(known, func(o option) bool { return o.value == current }) {
		options = append(options, option{current, current + " · not known there"})
	}
	return w.ask.choose(title, about, append(options, option{"", "none"}), current)
}

// tryOut plans on real data and, when wanted, runs once.
func (w *wizard) tryOut(ctx context.Context) error {
	yes := func(given *bool, title, about string, otherwise bool) (bool, error) {
		if given != nil {
			return *given, nil
		}
		return w.ask.confirm(title, about, otherwise)
	}
	plan, err := yes(w.given.Plan, "Plan on real data?", "It says what would be written for a few records, and writes nothing.", true)
	if err != nil {
		return err
	}
	if plan {
		if err := w.plan(ctx, w.dir, nil, run.PlanOptions{Limit: 3}); err != nil {
			return err
		}
	}
	start, err := yes(w.given.Run, "Run once now?", "It writes to both systems.", false)
	if err != nil {
		return err
	}
	if start {
		return w.cli.run(ctx, w.dir, nil, true)
	}
	fmt.Fprintf(w.err, "\nThe project is in %s. Next: kopru plan, kopru run.\n", w.dir)
	return nil
}

// lists asks the systems for what settings may be, each list once.
type lists struct {
	ctx   context.Context
	p     *project
	known map[shipped.List][]option
}

const longestList = 500 // more can't be chosen from

// options is a list's records; none when the system does not give it.
func (l *lists) options(of shipped.List) []option {
	if known, ok := l.known[of]; ok {
		return known
	}
	options, err := l.read(of)
	if err != nil {
		l.p.log.Warn("the system does not give its list", "entity", of.Entity, "reason", err)
	}
	l.known[of] = options
	return options
}

func (l *lists) read(of shipped.List) ([]option, error) {
	i := slices.IndexFunc(l.p.Connections, func(c *pipelines.Connection) bool { return c.Address() == of.Connection })
	if i < 0 {
		return nil, fmt.Errorf("there is no connection %s", of.Connection)
	}
	def := l.p.Connections[i]
	conn, err := l.p.host.Connect(l.ctx, run.Target(def))
	if err != nil {
		return nil, err
	}
	stream, err := conn.Read(l.ctx, &protocol.ReadStart{Entity: of.Entity, Options: []byte("{}"), BatchSize: 100})
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // what was read is enough
	var out []option
	for len(out) < longestList {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		for _, r := range b.GetRecords() {
			doc, err := record.DecodeObject(r.GetPayload())
			if err != nil {
				return out, err
			}
			key, label := textOf(doc[of.Key]), textOf(doc[of.Label])
			known := slices.ContainsFunc(out, func(o option) bool { return o.value == key })
			if key == "" || known || doc["active"] == false || doc["enabled"] == false {
				continue
			}
			if label != "" {
				label = " · " + label
			}
			out = append(out, option{key, key + label})
		}
	}
	return out, nil
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case record.Number:
		return string(v)
	}
	return ""
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
