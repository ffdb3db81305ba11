package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/run"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// tried is the record that a console works on.
type tried struct {
	record any
	meta   map[string]any
}

func (c *cli) consoleCommand() *cobra.Command {
	var expressions []string
	var from taken
	cmd := &cobra.Command{
		Use:   "console [DIR]",
		Short: "Try expressions and scripts on a record of a file, of the activity, of a letter or live from a source",
		Long: "Try expressions and scripts on a record.\n\nA line is an expression, such as upper(record.name), or :run SCRIPT, which gives " +
			"the record to a script of the project. The result is written as JSON. :quit ends.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			h := c.newHost(dir, c.logger(nil))
			defer h.Close()
			opts, err := c.options()
			if err != nil {
				return err
			}
			opts.Catalog, opts.Secret, opts.Detached = catalog{cmd.Context(), h}, c.secrets(dir), from.live == ""
			p, console, diags := pipelines.Open(dir, opts)
			if err := c.tell(p, diags); err != nil {
				return err
			}
			on, err := c.take(cmd.Context(), dir, &project{Project: p, dir: dir, host: h}, from)
			if err != nil {
				return err
			}
			try := func(line string) error { return c.try(cmd.Context(), p, console, on, line) }
			if len(expressions) == 0 {
				return c.converse(try)
			}
			for _, line := range expressions {
				if err := try(line); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&expressions, "expression", "e", nil, "evaluate this, then end (may be repeated)")
	cmd.Flags().StringVar(&from.file, "file", "", "take the first record of a JSON `file`; - is standard input")
	cmd.Flags().StringVar(&from.activity, "activity", "", "take the newest record with this `key` from the activity, personal data masked")
	cmd.Flags().StringVar(&from.letter, "letter", "", "take the record of a letter, by its `number`")
	cmd.Flags().StringVar(&from.live, "live", "", "take a record live from the source of a `pipeline`")
	cmd.Flags().StringVar(&from.key, "key", "", "with --live: the record with this key, else the first")
	cmd.MarkFlagsMutuallyExclusive("file", "activity", "letter", "live")
	return cmd
}

// taken says where the record comes from.
type taken struct{ file, activity, letter, live, key string }

func (c *cli) take(ctx context.Context, dir string, p *project, from taken) (tried, error) {
	var text []byte
	var err error
	on := tried{meta: map[string]any{}}
	switch {
	case from.file == "-":
		text, err = io.ReadAll(c.in)
	case from.file != "":
		text, err = os.ReadFile(from.file)
	case from.activity != "":
		text, err = c.told(ctx, dir, from.activity)
	case from.letter != "":
		text, err = c.held(ctx, dir, from.letter)
	case from.live != "":
		return live(ctx, p, from)
	default:
		return on, nil
	}
	if err != nil {
		return on, err
	}
	on.record, err = firstRecord(text)
	return on, err
}

// firstRecord is a JSON document, or the first of a list or of lines.
func firstRecord(text []byte) (any, error) {
	v, err := record.Decode(text)
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if v, err = record.Decode([]byte(line)); err != nil {
			return nil, fmt.Errorf("the record is no JSON: %w", err)
		}
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		return list[0], nil
	}
	return v, nil
}

// told is a record as the activity keeps it.
func (c *cli) told(ctx context.Context, dir, key string) ([]byte, error) {
	store, err := c.openState(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // only read
	entries, err := store.ActivityPage(ctx, state.ActivityFilter{Key: key, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("the activity has no record with the key %s; kopru activity lists them", key)
	}
	body, err := store.StoryOf(ctx, entries[0].RecordID)
	if err != nil {
		return nil, err
	}
	story, err := record.DecodeObject(body)
	if err != nil || story["source"] == nil {
		return nil, fmt.Errorf("what came in for %s is not kept; payloads of its pipeline says what is", key)
	}
	return record.Encode(story["source"])
}

func (c *cli) held(ctx context.Context, dir, number string) ([]byte, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(number, "#"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number of a letter; see: kopru dead list", number)
	}
	store, err := c.openState(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // only read
	held, err := store.Held(ctx, state.HeldFilter{IDs: []int64{id}})
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, fmt.Errorf("there is no letter #%d; see: kopru dead list --status all", id)
	}
	return held[0].Original, nil
}

// live reads until the record is there. It moves no cursor.
func live(ctx context.Context, p *project, from taken) (tried, error) {
	picked, err := p.pick([]string{from.live})
	if err != nil {
		return tried{}, err
	}
	src := picked[0].Source
	def := src.Connection
	conn, err := p.host.Connect(ctx, run.Target(def))
	if err != nil {
		return tried{}, err
	}
	options, err := record.Encode(src.Options)
	if err != nil {
		return tried{}, err
	}
	stream, err := conn.Read(ctx, &protocol.ReadStart{Entity: src.Entity, Options: options, BatchSize: 20})
	if err != nil {
		return tried{}, err
	}
	defer stream.Close() //nolint:errcheck // the rest stays unread
	for {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return tried{}, fmt.Errorf("the source of %s has no such record", from.live)
		}
		if err != nil {
			return tried{}, err
		}
		for _, r := range b.GetRecords() {
			if from.key != "" && r.GetKey() != from.key {
				continue
			}
			doc, err := record.DecodeObject(r.GetPayload())
			return tried{doc, map[string]any{"key": r.GetKey(), "entity": src.Entity, "operation": "upsert"}}, err
		}
	}
}

// try evaluates a line and writes the result.
func (c *cli) try(ctx context.Context, p *pipelines.Project, console *pipelines.Console, on tried, line string) error {
	if path, ok := strings.CutPrefix(line, ":run "); ok {
		return c.tryScript(ctx, p, on, strings.TrimSpace(path))
	}
	v, diags := console.Eval(line, "console", on.record, on.meta)
	if diags.HasErrors() {
		diag.Print(c.err, diags, map[string][]byte{"console": []byte(line)}, c.color)
		return exit(exitFailed)
	}
	return c.printJSON(v)
}

func (c *cli) tryScript(ctx context.Context, p *pipelines.Project, on tried, path string) error {
	program, diags := transforms.Load(p.Dir, path, transforms.Budget{}, p.Templates...)
	if diags.HasErrors() {
		diag.Print(c.err, diags, nil, c.color)
		return exit(exitFailed)
	}
	rt := program.Runtime(transforms.Env{
		Now: time.Now(), Pipeline: "console", Vars: varsOf(p, path), Log: func(level, text string) { fmt.Fprintf(c.err, "%s: %s\n", level, text) },
	})
	defer rt.Close()
	v, err := rt.Call(ctx, on.record, on.meta)
	if err != nil {
		return err
	}
	return c.printJSON(v)
}

// varsOf are what the first step with the script passes to it.
func varsOf(p *pipelines.Project, path string) map[string]any {
	for _, pipeline := range p.Pipelines {
		for _, step := range pipeline.Steps {
			if t, ok := step.(*pipelines.Transform); ok && t.Path == path {
				return t.Vars
			}
		}
	}
	return nil
}

// converse reads lines: on a terminal with editing and history.
func (c *cli) converse(try func(line string) error) error {
	read := c.lines()
	if c.attended() {
		old, err := term.MakeRaw(int(c.in.Fd()))
		if err != nil {
			return err
		}
		defer term.Restore(int(c.in.Fd()), old) //nolint:errcheck // the terminal is gone when this fails
		t := term.NewTerminal(stdio{c.in, c.out}, "> ")
		read = t.ReadLine
		out, errs := c.out, c.err
		c.out, c.err = t, t // which end lines as a raw terminal needs it
		defer func() { c.out, c.err = out, errs }()
	}
	for {
		line, err := read()
		if errors.Is(err, io.EOF) || strings.TrimSpace(line) == ":quit" {
			return nil
		}
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		var told exit
		if err := try(line); err != nil && !errors.As(err, &told) {
			fmt.Fprintf(c.err, "Error: %v\n", err)
		}
	}
}

func (c *cli) lines() func() (string, error) {
	scanner := bufio.NewScanner(c.in)
	return func() (string, error) {
		if scanner.Scan() {
			return scanner.Text(), nil
		}
		return "", errors.Join(scanner.Err(), io.EOF)
	}
}
