package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

func (c *cli) fmtCommand() *cobra.Command {
	var f formatter
	cmd := &cobra.Command{
		Use:   "fmt [DIR|FILE|- …]",
		Short: "Put *.hcl files into the one style; name those that change",
		Long: "Put *.hcl files into the one style, and name those that change. Folders are gone through with all below them,\n" +
			"the current one when none is named; \"-\" reads standard input and writes standard output.",
		RunE: func(_ *cobra.Command, args []string) error {
			f.cli = c
			return f.all(args)
		},
	}
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing; exit code 1 when a file is not in style")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "write nothing; show what would change")
	return cmd
}

// formatter is one `kopru fmt`.
type formatter struct {
	*cli
	check, diff bool

	changed []string
	files   map[string][]byte
	diags   diag.List
}

func (f *formatter) all(args []string) error {
	f.files, f.changed = map[string][]byte{}, []string{}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, arg := range args {
		if err := f.argument(arg); err != nil {
			return err
		}
	}
	if f.json {
		if err := f.printJSON(map[string]any{"changed": f.changed, "diagnostics": diag.JSON(f.diags)}); err != nil {
			return err
		}
	} else {
		diag.Print(f.err, f.diags, f.files, f.color)
	}
	switch {
	case f.diags.HasErrors():
		return exit(exitInvalid)
	case f.check && len(f.changed) > 0:
		return exit(exitFailed)
	}
	return nil
}

func (f *formatter) argument(arg string) error {
	if arg == "-" {
		return f.stdin()
	}
	info, err := os.Stat(arg)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.file(arg)
	}
	return filepath.WalkDir(arg, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != arg && (strings.HasPrefix(name, ".") || name == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || strings.HasPrefix(name, ".") || filepath.Ext(name) != ".hcl":
			return nil
		}
		return f.file(path)
	})
}

func (f *formatter) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f.files[path] = text
	out, diags := pipelines.Format(text, path)
	f.diags = append(f.diags, diags...)
	if bytes.Equal(out, text) {
		return nil
	}
	f.changed = append(f.changed, path)
	if !f.json && !f.diff {
		fmt.Fprintln(f.out, path)
	}
	if f.diff && !f.json {
		if _, err := f.out.Write(diff.Diff(path, text, path+" (formatted)", out)); err != nil {
			return err
		}
	}
	if f.check || f.diff {
		return nil
	}
	return pipelines.ReplaceFile(path, out, 0o644)
}

func (f *formatter) stdin() error {
	text, err := io.ReadAll(f.in)
	if err != nil {
		return err
	}
	f.files["-"] = text
	out, diags := pipelines.Format(text, "-")
	f.diags = append(f.diags, diags...)
	if !bytes.Equal(out, text) {
		f.changed = append(f.changed, "-")
	}
	if f.check || f.json || diags.HasErrors() {
		return nil
	}
	if f.diff {
		out = diff.Diff("standard input", text, "formatted", out)
	}
	_, err = f.out.Write(out)
	return err
}
