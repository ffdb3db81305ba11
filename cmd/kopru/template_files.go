package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
)

// templateFile is a file of a template that the project uses.
type templateFile struct {
	Name string `json:"name"`
	Own  bool   `json:"own"` // the project has one in its place
	path string
}

func (c *cli) templateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "template",
		Short: "List the files of the templates that a project uses, take one over to change it, or show what was changed",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list [DIR]",
		Short: "List the templates' files, and which of them the project has in their place",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, _ := split(args)
			files, err := c.templateFiles(dir, nil)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"files": files})
			}
			for _, f := range files {
				whose := ""
				if f.Own {
					whose = "  replaced by the project's"
				}
				fmt.Fprintf(c.out, "%s%s\n", f.Name, whose)
			}
			return nil
		},
	}, &cobra.Command{
		Use:   "copy [DIR] FILE...",
		Short: "Copy files of a template into the project, where they are changed; they stand in the place of the template's",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, names := split(args)
			if len(names) == 0 {
				return errors.New("name the files to copy; kopru template list says what there is")
			}
			files, err := c.templateFiles(dir, names)
			if err != nil {
				return err
			}
			return c.copyTemplate(dir, files)
		},
	}, &cobra.Command{
		Use:   "diff [DIR] [FILE...]",
		Short: "Show what the project's files change in those of the template, as after a new version of kopru",
		RunE: func(_ *cobra.Command, args []string) error {
			dir, names := split(args)
			files, err := c.templateFiles(dir, names)
			if err != nil {
				return err
			}
			for _, f := range files {
				if !f.Own {
					continue
				}
				before, err := os.ReadFile(f.path)
				if err != nil {
					return err
				}
				after, err := os.ReadFile(filepath.Join(dir, f.Name))
				if err != nil {
					return err
				}
				if _, err := c.out.Write(diff.Diff("template/"+f.Name, before, f.Name, after)); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}

// templateFiles are the files of the project's templates, all of them when none is named. Of one name the first counts.
func (c *cli) templateFiles(dir string, names []string) ([]templateFile, error) {
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	opts.Detached = true
	p, diags := pipelines.VariablesOf(dir, opts) // what else is wrong is no matter here
	if len(p.Templates) == 0 {
		if diags.HasErrors() {
			return nil, c.tell(p, diags)
		}
		return nil, fmt.Errorf("%s uses no template: write use \"bridge\" { source = … }, or run kopru init", dir)
	}
	var all []templateFile
	var known []string
	for _, folder := range p.Templates {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") || slices.Contains(known, e.Name()) {
				continue
			}
			_, err := os.Stat(filepath.Join(dir, e.Name()))
			known = append(known, e.Name())
			all = append(all, templateFile{Name: e.Name(), Own: err == nil, path: filepath.Join(folder, e.Name())})
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	out := make([]templateFile, len(names))
	for i, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, fmt.Errorf("the template has no file %q%s; kopru template list says what there is", name, didYouMean(name, known))
		}
		out[i] = all[at]
	}
	return out, nil
}

// copyTemplate copies all of the files or, when the project has one of them already, none.
func (c *cli) copyTemplate(dir string, files []templateFile) error {
	for _, f := range files {
		if f.Own {
			return fmt.Errorf("%s is in the project already; kopru template diff shows how it differs", f.Name)
		}
	}
	for _, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		if err := pipelines.ReplaceFile(filepath.Join(dir, f.Name), text, 0o644); err != nil {
			return err
		}
		if !c.json {
			fmt.Fprintf(c.out, "copied %s\n", filepath.Join(dir, f.Name))
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"copied": files})
	}
	return nil
}
