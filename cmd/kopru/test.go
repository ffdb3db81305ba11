package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/rehearsal"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/transforms"
)

func (c *cli) testCommand() *cobra.Command {
	var t tests
	cmd := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the project's tests: *.test.hcl for pipelines, *.test.ts for scripts",
		Long: "Run the project's tests. *.test.hcl holds test blocks: the engine runs a pipeline on records that the test gives, among\n" +
			"systems that hold what the test says. *.test.ts and *.test.js hold tests of functions. No system is called, no\n" +
			"connector started and no variable of the environment read.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.cli = c
			dir, _ := split(args)
			return t.all(cmd.Context(), dir)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&t.only, "run", "", "run only the tests whose names fit this regular `expression`")
	flags.BoolVarP(&t.update, "update", "u", false, "take what comes as the new snapshots")
	flags.BoolVar(&t.coverage, "coverage", false, "list the steps and fields that no test covers")
	flags.StringVar(&t.junit, "junit", "", "also write the results to this `file`, as JUnit XML")
	return cmd
}

// tests is one `kopru test`.
type tests struct {
	*cli
	only, junit      string
	update, coverage bool

	filter  *regexp.Regexp
	files   map[string][]byte
	results []testResult
}

// testResult is how one test of either kind went.
type testResult struct {
	Name     string        `json:"name"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Status   string        `json:"status"` // passed or failed
	TookMS   int64         `json:"took_ms"`
	Failures []diag.Object `json:"failures,omitempty"`

	diags diag.List
}

func (t *tests) all(ctx context.Context, dir string) error {
	filter, err := regexp.Compile(t.only)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	t.filter, t.files = filter, map[string][]byte{}
	secrets := &hidden{}
	log := t.logger(secrets)
	h := t.newHost(dir, log)
	defer h.Close()
	opts, err := t.options()
	if err != nil {
		return err
	}
	opts.Catalog, opts.MadeUp = catalog{ctx, h}, true
	p, diags := pipelines.Load(dir, opts)
	if err := t.tell(p, diags); err != nil {
		return err
	}
	suite, diags := pipelines.LoadTests(dir, opts)
	p.Files = suite.Files
	if err := t.tell(p, diags); err != nil {
		return err
	}
	for name, text := range suite.Files {
		t.files[name] = text
	}
	suite.Tests = slices.DeleteFunc(suite.Tests, func(one *pipelines.Test) bool { return !t.filter.MatchString(one.Name) })
	rehearsed, err := rehearsal.Run(ctx, suite.Tests, log)
	if err != nil {
		return err
	}
	written, err := rehearsal.NewSnapshots(dir).Compare(rehearsed, t.update)
	if err != nil {
		return err
	}
	for _, r := range rehearsed {
		t.add(testResult{
			Name: r.Test.Name, File: r.Test.Range.Filename, Line: r.Test.Range.Start.Line, TookMS: r.Took.Milliseconds(), diags: r.Failures,
		})
	}
	if err := t.scripts(ctx, p); err != nil {
		return err
	}
	return t.report(written, rehearsal.Cover(p, rehearsed))
}

func (t *tests) add(r testResult) {
	r.Status = "passed"
	if len(r.diags) > 0 {
		r.Status, r.Failures = "failed", diag.JSON(r.diags)
	}
	t.results = append(t.results, r)
}

// scripts runs the tests of functions.
func (t *tests) scripts(ctx context.Context, p *pipelines.Project) error {
	dir := p.Dir
	for _, pattern := range []string{"*.test.ts", "*.test.js"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			name := filepath.Base(path)
			results, diags := transforms.Test(ctx, dir, name, t.filter.MatchString, p.Templates...)
			for _, d := range diags {
				if d.Subject != nil {
					t.keep(dir, d.Subject.Filename)
				}
			}
			if diags.HasErrors() {
				t.add(testResult{Name: name, File: name, Line: 1, diags: diags})
			}
			for _, r := range results {
				one := testResult{Name: r.Name, File: name, Line: r.Line, TookMS: r.Took.Milliseconds()}
				if r.Failure != nil {
					if r.Failure.Subject != nil {
						t.keep(dir, r.Failure.Subject.Filename)
					}
					one.diags = diag.List{*r.Failure}
				}
				t.add(one)
			}
		}
	}
	return ctx.Err()
}

// keep makes a script's text known, for the snippets of diagnostics.
func (t *tests) keep(dir, name string) {
	if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil && filepath.IsLocal(name) {
		t.files[name] = text
	}
}

func (t *tests) report(written []string, coverage []rehearsal.Coverage) error {
	failed := 0
	for _, r := range t.results {
		if r.Status == "failed" {
			failed++
		}
	}
	if t.junit != "" {
		if err := writeJUnit(t.junit, t.results, t.files); err != nil {
			return err
		}
	}
	if t.json {
		results := t.results
		if results == nil {
			results = []testResult{}
		}
		err := t.printJSON(map[string]any{
			"tests": results, "passed": len(t.results) - failed, "failed": failed, "snapshots_written": written, "coverage": coverage,
		})
		if err != nil {
			return err
		}
	} else {
		t.print(failed, written, coverage)
	}
	if failed > 0 {
		return exit(exitFailed)
	}
	return nil
}

// print shows what failed, with its lines, then the count and the coverage.
func (t *tests) print(failed int, written []string, coverage []rehearsal.Coverage) {
	var took time.Duration
	for _, r := range t.results {
		took += time.Duration(r.TookMS) * time.Millisecond
		if t.verbose || r.Status == "failed" {
			fmt.Fprintf(t.out, "%s  %s  (%s:%d)\n", r.Status, r.Name, r.File, r.Line)
		}
		if len(r.diags) > 0 {
			fmt.Fprintln(t.out)
			diag.Print(t.out, r.diags, t.files, colorful(t.out))
		}
	}
	for _, name := range written {
		fmt.Fprintf(t.out, "wrote %s\n", name)
	}
	fmt.Fprintf(t.out, "%d passed, %d failed in %s\n", len(t.results)-failed, failed, took.Round(time.Millisecond))
	if len(t.results) == 0 {
		fmt.Fprintln(t.out, "There are no tests. Write the first one beside the pipelines, in a file whose name ends in "+pipelines.TestFile+".")
	}
	for _, c := range coverage {
		fmt.Fprintf(t.out, "  %-16s steps %d of %d, fields %d of %d\n", c.Pipeline,
			rehearsal.Count(c.Steps), len(c.Steps), rehearsal.Count(c.Fields), len(c.Fields))
		if t.coverage {
			printUncovered(t.out, c)
		}
	}
}

func printUncovered(w io.Writer, c rehearsal.Coverage) {
	for _, p := range slices.Concat(c.Steps, c.Fields) {
		if !p.Covered {
			fmt.Fprintf(w, "    not covered: %-40s %s:%d\n", strings.TrimSpace(p.Name), p.File, p.Line)
		}
	}
}
