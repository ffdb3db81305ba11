package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/pipelines"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/pipelines/secret"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
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
		Long: "Set up a project in a folder, or change the answers of one that is there.\n\nThe project uses the bridge as a " +
			"template: it has the settings that differ and, once you change them, the files that differ (kopru template copy).\n\n" +
			"Without a terminal, with --yes or with --answers, nothing is asked: credentials are taken from the answers or from the " +
			"environment, and what has no answer keeps its value. Files that are there stay as they are, but for the settings and " +
			"credentials that are answered.",
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
			if !yes && file == "" && c.attended() {
				forms, err := newForms(cmd.Context(), c.in, c.out)
				if err != nil {
					return err
				}
				defer forms.undo()
				w.ask = forms
			}
			w.host = c.newHost(w.dir, c.logger(nil))
			defer w.host.Close()
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
	host  *host.Host // describes connectors, and judges what they are told
}

// asker asks a human, or takes what there is. What is not valid is refused where it is typed.
type asker interface {
	input(title, about, value string, hidden bool, valid validity) (string, error)
	choose(title, about string, options []option, value string, valid validity) (string, error)
	several(title, about string, options []option, values []string) ([]string, error)
	confirm(title, about string, value bool, valid validity) (bool, error) // valid judges "true" and "false"
}

// validity says what is wrong with an answer; nil = nothing ever is.
type validity func(answer string) error

func (v validity) of(answer string) error {
	if v == nil {
		return nil
	}
	return v(answer)
}

// option is one of several answers.
type option struct{ value, label string }

// silent asks nothing.
type silent struct{}

func (silent) input(title, _, value string, _ bool, valid validity) (string, error) {
	if err := valid.of(value); err != nil {
		return "", fmt.Errorf("%s: %w", title, err)
	}
	return value, nil
}

func (silent) choose(_, _ string, _ []option, v string, _ validity) (string, error) { return v, nil }

func (silent) several(_, _ string, _ []option, v []string) ([]string, error) { return v, nil }

func (silent) confirm(_, _ string, value bool, _ validity) (bool, error) { return value, nil }

func (w *wizard) run(ctx context.Context) error {
	if w.given.Bridge != "" && w.given.Bridge != shipped.Name {
		return fmt.Errorf("there is no bridge %q; there is: %s", w.given.Bridge, shipped.Name)
	}
	if _, err := w.ask.choose("Which systems?", "Kopru ships with these bridges.",
		[]option{{shipped.Name, "MplusKASSA and Visma.net"}}, shipped.Name, nil); err != nil {
		return err
	}
	if err := w.layProject(); err != nil {
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

// layProject makes the folder a project that uses the bridge. What is there is somebody's work and stays.
func (w *wizard) layProject() error {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{".gitignore": ".kopru/\n", "README.md": projectReadme} {
		f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	used, err := usesBridge(w.dir)
	if used || err != nil {
		return err
	}
	path := filepath.Join(w.dir, "kopru.hcl")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return pipelines.ReplaceFile(path, append(text, projectFile...), 0o644)
}

// connect asks for credentials until both systems answer, or until it is told to go on.
func (w *wizard) connect(ctx context.Context) error {
	file, err := openSettings(filepath.Join(w.dir, "connections.hcl"), connectionsOfBridge())
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
		retry, err := w.ask.confirm("Enter the credentials again?", strings.Join(bad, "\n"), true, nil)
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
		change, err := w.ask.confirm("Change the credentials?", "The project has some already.", false, nil)
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
		}, standard, nil)
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
		value, err := w.ask.input(c.address+": "+c.name, c.about, firstOf(value, c.standard), c.hidden, w.credentialValidity(c))
		if err != nil {
			return err
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
	m, err := w.host.Manifest(context.Background(), name)
	if err != nil {
		return &protocol.Manifest{Name: name}
	}
	return m
}

// credentialValidity lets the connector judge one of its settings, before anything is tried.
func (w *wizard) credentialValidity(c credential) validity {
	return func(answer string) error {
		if answer == "" {
			return fmt.Errorf("it is needed; answer credentials = { %s = … }, or set %s in the environment", c.variable, c.variable)
		}
		problems, err := w.host.Validate(context.Background(), c.connection[0], map[string]any{c.name: answer})
		if err != nil {
			return nil //nolint:nilerr // what is wrong with the connector is told when it is tried
		}
		for _, p := range problems {
			if p.GetAttribute() == c.name && !p.GetWarning() {
				return errors.New(strings.TrimSpace(p.GetSummary() + " " + p.GetDetail()))
			}
		}
		return nil
	}
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

// tryOut plans on real data and, when wanted, runs once.
func (w *wizard) tryOut(ctx context.Context) error {
	yes := func(given *bool, title, about string, otherwise bool) (bool, error) {
		if given != nil {
			return *given, nil
		}
		return w.ask.confirm(title, about, otherwise, nil)
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
