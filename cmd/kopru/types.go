package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
)

// tsconfig is the project's own, in which more may be said. What it extends is written anew each time.
const tsconfig = `{
  "extends": "./.kopru/types/tsconfig.json"
}
`

// compilerOptions let an editor understand scripts as kopru does.
var compilerOptions = map[string]any{
	"target": "ES2022", "lib": []string{"ES2022"}, "module": "ESNext", "moduleResolution": "bundler", "resolveJsonModule": true,
	"types": []string{}, "allowJs": true, "strict": true, "skipLibCheck": true, "noEmit": true,
}

func (c *cli) typesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "types [DIR]",
		Short: "Write TypeScript declarations, so that an editor completes record and ctx in scripts",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			c.detached = true
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			written, err := writeTypes(dir, p.Project)
			if err != nil {
				return err
			}
			config := filepath.Join(dir, "tsconfig.json")
			if _, err := os.Stat(config); errors.Is(err, fs.ErrNotExist) { // an existing one is somebody's own
				if err := os.WriteFile(config, []byte(tsconfig), 0o644); err != nil {
					return err
				}
				written = append(written, config)
			}
			if c.json {
				return c.printJSON(map[string]any{"written": written})
			}
			for _, name := range written {
				fmt.Fprintf(c.out, "wrote %s\n", name)
			}
			return nil
		},
	}
}

// writeTypes writes the declarations, and what has an editor find them. A script of the project may import one that only
// its template has: for an editor, too, the template's files lie beneath the project's.
func writeTypes(dir string, p *pipelines.Project) ([]string, error) {
	out := filepath.Join(dir, ".kopru", "types")
	if err := os.RemoveAll(out); err != nil { // of another version
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	roots := []string{"../.."}
	for i, template := range p.Templates {
		root := filepath.Join(out, fmt.Sprintf("template-%d", i+1))
		if err := copyScripts(root, template, dir); err != nil {
			return nil, err
		}
		roots = append(roots, "./"+filepath.Base(root))
	}
	options := maps.Clone(compilerOptions)
	options["rootDirs"] = roots
	config, err := json.MarshalIndent(map[string]any{
		"compilerOptions": options,
		"include":         []string{"../../**/*.ts", "../../**/*.js", "*.d.ts"},
		"exclude":         []string{"../../node_modules", "template-*"},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	types := filepath.Join(out, "kopru.d.ts")
	return []string{types}, errors.Join(
		os.WriteFile(types, []byte(p.TypeScript()), 0o644),
		os.WriteFile(filepath.Join(out, "tsconfig.json"), append(config, '\n'), 0o644),
	)
}

// copyScripts copies the scripts of a template, but for those that the project has in their place.
func copyScripts(to, template, project string) error {
	return filepath.WalkDir(template, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != template && (name == "node_modules" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(template, path)
		if err != nil || !slices.Contains([]string{".ts", ".js", ".json"}, filepath.Ext(name)) || strings.Contains(name, ".test.") {
			return err
		}
		if _, err := os.Stat(filepath.Join(project, name)); err == nil {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(name) == ".ts" { // what is wrong in it is not the project's to mend
			text = append([]byte("// @ts-nocheck\n"), text...)
		}
		copied := filepath.Join(to, name)
		return errors.Join(os.MkdirAll(filepath.Dir(copied), 0o755), os.WriteFile(copied, text, 0o444))
	})
}
