package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// tsconfig lets an editor check the project's scripts as kopru understands them.
const tsconfig = `{
  "compilerOptions": {
    "target": "ES2022",
    "lib": ["ES2022"],
    "module": "ESNext",
    "moduleResolution": "bundler",
    "types": [],
    "allowJs": true,
    "strict": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["**/*.ts", "**/*.js", ".kopru/types/*.d.ts"]
}
`

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
			types := filepath.Join(dir, ".kopru", "types", "kopru.d.ts")
			if err := os.MkdirAll(filepath.Dir(types), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(types, []byte(p.TypeScript()), 0o644); err != nil {
				return err
			}
			written := []string{types}
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
