package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/pipelines/secret"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/release"
)

// project is a loaded folder with what is needed to work on it.
type project struct {
	*pipelines.Project
	dir  string
	host *host.Host
	log  *slog.Logger

	secrets *hidden // of this and later definitions
}

// split takes the project's folder from the arguments, the current one when the first argument is no folder.
func split(args []string) (dir string, rest []string) {
	if len(args) > 0 {
		if info, err := os.Stat(args[0]); err == nil && info.IsDir() {
			return args[0], args[1:]
		}
	}
	return ".", args
}

// load reads the project and prints every diagnostic. The caller closes what it returns.
func (c *cli) load(ctx context.Context, dir string) (*project, error) {
	secrets := &hidden{}
	log := c.logger(secrets)
	h := c.newHost(dir, log)
	p, diags, err := c.definition(ctx, dir, h)
	if err == nil {
		err = c.tell(p, diags)
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	secrets.add(p.Secrets)
	return &project{Project: p, dir: dir, host: h, log: log, secrets: secrets}, nil
}

// definition reads the project's files with the connectors that a host has.
func (c *cli) definition(ctx context.Context, dir string, h *host.Host) (*pipelines.Project, diag.List, error) {
	opts, err := c.options()
	if err != nil {
		return nil, nil, err
	}
	opts.Catalog, opts.Secret = catalog{ctx, h}, c.secrets(dir)
	p, diags := pipelines.Load(dir, opts)
	return p, diags, nil
}

// secrets gives out those of a project.
func (c *cli) secrets(dir string) func(name string) (string, error) {
	store := secret.Open(dir, c.env)
	return func(name string) (string, error) {
		v, err := store.Get(name)
		if errors.Is(err, secret.ErrUnknown) {
			return "", unknownSecret(store, name)
		}
		return v, err
	}
}

func (c *cli) options() (pipelines.Options, error) {
	vars := map[string]string{}
	for _, v := range c.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return pipelines.Options{}, fmt.Errorf("--var %s: write it as name=value", v)
		}
		vars[name] = value
	}
	return pipelines.Options{Vars: vars, VarFiles: c.varFiles, Env: c.env, Version: version, Detached: c.detached, Templates: templates{}}, nil
}

// tell prints diagnostics; the error is exit code 2 when one of them is an error.
func (c *cli) tell(p *pipelines.Project, diags diag.List) error {
	var files map[string][]byte
	if p != nil {
		files = p.Files
	}
	if c.json && diags.HasErrors() {
		if err := c.printJSON(map[string]any{"diagnostics": diag.JSON(diags)}); err != nil {
			return err
		}
	} else {
		diag.Print(c.err, diags, files, c.color)
	}
	if diags.HasErrors() {
		return exit(exitInvalid)
	}
	return nil
}

func (p *project) close() { p.host.Close() }

// pick returns the pipelines named, all enabled ones when none is.
func (p *project) pick(names []string) ([]*pipelines.Pipeline, error) {
	if len(names) == 0 {
		return p.Pipelines, nil
	}
	var picked []*pipelines.Pipeline
next:
	for _, name := range names {
		var known []string
		for _, candidate := range p.Pipelines {
			if candidate.Name == name {
				picked = append(picked, candidate)
				continue next
			}
			known = append(known, candidate.Name)
		}
		return nil, fmt.Errorf("there is no pipeline %q in %s%s; there are: %s", name, p.dir, didYouMean(name, known), strings.Join(known, ", "))
	}
	return picked, nil
}

// runner opens the state database and returns what runs pipelines with it.
func (c *cli) runner(ctx context.Context, p *project) (*run.Runner, *state.Store, error) {
	store, err := c.openState(ctx, p.dir)
	if err != nil {
		return nil, nil, err
	}
	if host := state.Unprotected(store.DSN()); host != "" {
		p.log.Warn("what the state keeps of records may go over the network unencrypted; add sslmode=verify-full to the address of the "+
			"state database, or sslmode=require where its certificate can't be verified", "host", host)
	}
	return run.New(store, run.NewConnections(run.FromHost(p.host)), p.log, state.HereNode()), store, nil
}

// withState opens the state of the project in the folder that is named, or in this one.
func (c *cli) withState(cmd *cobra.Command, args []string, do func(*state.Store) error) error {
	dir, _ := split(args)
	store, err := c.openState(cmd.Context(), dir)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // what was written is durable by then
	return do(store)
}

func (c *cli) openState(ctx context.Context, dir string) (*state.Store, error) {
	name, keys, err := c.stateAt(dir)
	if err != nil {
		return nil, err
	}
	return state.Open(ctx, name, keys...)
}

// stateAt is where the state is and what it is encrypted with: what the command line says, else the project, else the
// environment, else in the project's folder, not encrypted.
func (c *cli) stateAt(dir string) (name string, keys []state.Key, err error) {
	opts, err := c.options()
	if err != nil {
		return "", nil, err
	}
	opts.Secret = c.secrets(dir)
	p, diags := pipelines.EngineOf(dir, opts)
	if diags.HasErrors() && c.state == "" {
		return "", nil, c.tell(p, diags)
	}
	text := p.Engine.Key
	if text == "" {
		if text, err = c.keyOfEnvironment(); err != nil {
			return "", nil, err
		}
	}
	if keys, err = state.ParseKeys(text); err != nil {
		return "", nil, err
	}
	named, _ := c.env("KOPRU_STATE")
	switch {
	case c.state != "":
		name = c.state
	case p.Engine.State != "":
		name = p.Engine.State
		if !state.IsPostgres(name) && !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
	case named != "":
		name = named
	default:
		name = filepath.Join(dir, ".kopru", "state.db")
	}
	return name, keys, nil
}

// keyOfEnvironment is what KOPRU_KEY says, else what the file has that KOPRU_KEY_FILE names.
func (c *cli) keyOfEnvironment() (string, error) {
	if text, _ := c.env("KOPRU_KEY"); text != "" {
		return text, nil
	}
	name, _ := c.env("KOPRU_KEY_FILE")
	if name == "" {
		return "", nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("KOPRU_KEY_FILE: %w", err)
	}
	return string(text), nil
}

func (c *cli) newHost(dir string, log *slog.Logger) *host.Host {
	return host.New(c.hostOptions(dir, log))
}

// hostOptions look for connectors beside kopru, in $KOPRU_CONNECTORS and in the project's .kopru/connectors, and hold to
// the project's lock.
func (c *cli) hostOptions(dir string, log *slog.Logger) host.Options {
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(exe))
	}
	if list, ok := c.env("KOPRU_CONNECTORS"); ok {
		dirs = append(dirs, filepath.SplitList(list)...)
	}
	dirs = append(dirs, filepath.Join(dir, ".kopru", "connectors"))
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	o := host.Options{
		Dirs: dirs, WorkDir: dir, CacheDir: filepath.Join(cache, "kopru", "manifests"), Log: log, Stdout: c.stdout, Launcher: launcher(),
	}
	switch lock, err := release.ReadLock(filepath.Join(dir, pipelines.LockFile)); {
	case err != nil:
		log.Error(err.Error())
		o.Checksums = map[string]string{} // nothing is started by a lock that can't be read
	case lock != nil:
		o.Checksums = lock.Checksums(release.Platform())
	}
	return o
}

// launcher is this program, which confines connectors before it becomes them.
func launcher() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{exe}
}

// catalog lets the language read manifests, from the cache where the connector is known already.
type catalog struct {
	ctx  context.Context
	host *host.Host
}

// Names lists the connectors that are installed.
func (c catalog) Names() []string { return c.host.Names() }

// Manifest describes a connector.
func (c catalog) Manifest(name string) (*protocol.Manifest, error) {
	return c.host.Manifest(c.ctx, name)
}

// logger writes for people on a terminal and JSON elsewhere, never a secret.
func (c *cli) logger(secrets *hidden) *slog.Logger {
	level := slog.LevelWarn
	if c.verbose {
		level = slog.LevelDebug
	}
	var handler slog.Handler = slog.NewJSONHandler(c.err, &slog.HandlerOptions{Level: level, ReplaceAttr: spans})
	if _, ok := terminalOf(c.err); ok {
		handler = tint.NewTextHandler(c.err, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !c.color})
	}
	return slog.New(redacting{handler, secrets})
}

// spans writes spans of time as people do; JSON would have nanoseconds.
func spans(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().Round(time.Millisecond).String())
	}
	return a
}

func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
