package pipelines

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/pipelines/secret"
)

// Functions returns every function that expressions may call, in order of their names, for the reference.
func Functions() []expr.Function {
	l := &loader{project: &Project{}}
	all := expr.Functions()
	for _, f := range []expr.Function{l.envFunction(), l.fileFunction(), l.secretFunction()} {
		f.Group = "From outside, when the project is loaded"
		all[f.Name] = f
	}
	out := make([]expr.Function, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name])
	}
	return out
}

func (l *loader) envFunction() expr.Function {
	return expr.Function{
		Name: "env", Doc: "A variable of the environment, or the last argument when it is not set.",
		Example: `env("NOT_SET", "x")`, Result: `"x"`, Min: 1, Max: 2, LoadTime: true,
		Call: func(args []any) (any, error) {
			name, ok := args[0].(string)
			if !ok {
				return nil, errors.New("the name of a variable is needed")
			}
			if v, ok := l.opts.Env(name); ok && v != "" {
				return v, nil
			}
			if len(args) == 2 {
				return args[1], nil
			}
			if l.opts.MadeUp {
				return madeUp(name), nil
			}
			l.unset = true
			return nil, fmt.Errorf("%s is not set in the environment; set it before you start kopru", name)
		},
	}
}

// unwrapped is an error about a file without the path, which stands in the text already.
func unwrapped(err error) error {
	var problem *fs.PathError
	if errors.As(err, &problem) {
		return problem.Err
	}
	return err
}

func (l *loader) fileFunction() expr.Function {
	return expr.Function{
		Name: "file", Doc: "The text of a file of the project.", Example: `file("greeting.txt")`, Result: `"hello"`,
		Min: 1, Max: 1, Returns: expr.String, LoadTime: true,
		Call: func(args []any) (any, error) {
			name, _ := args[0].(string)
			if name == "" || !filepath.IsLocal(name) {
				return nil, fmt.Errorf("%q is no file inside the project", name)
			}
			l.project.Inputs = append(l.project.Inputs, name)
			data, err := os.ReadFile(filepath.Join(l.rootOf(name), name))
			if err != nil {
				return nil, fmt.Errorf("%s can't be read: %w", name, unwrapped(err))
			}
			return string(data), err
		},
	}
}

// madeUp stands for a value from outside: it fits wherever a text does, and where an address is needed.
func madeUp(name string) string {
	return "https://" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + ".invalid"
}

func (l *loader) secretFunction() expr.Function {
	return expr.Function{
		Name: "secret", Doc: "A secret of the project, kept with kopru secret set.", Example: `secret("TILL")`, Result: `"open sesame"`,
		Min: 1, Max: 1, Returns: expr.String, LoadTime: true,
		Call: func(args []any) (any, error) {
			name, ok := args[0].(string)
			if !ok {
				return nil, errors.New("the name of a secret is needed")
			}
			if l.opts.MadeUp {
				return madeUp(name), nil
			}
			if l.opts.Secret == nil {
				l.unset = true
				return nil, fmt.Errorf("there is no secret %s; set it with: kopru secret set %s", name, name)
			}
			l.project.Inputs = append(l.project.Inputs, secret.File)
			v, err := l.opts.Secret(name)
			if err != nil {
				l.unset = true
				return nil, err
			}
			l.secret(v)
			return v, nil
		},
	}
}
