package transforms

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/hashicorp/hcl/v2"

	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/transforms/std"
)

const (
	stdImport  = "kopru/std"
	testImport = "kopru/test" // only for tests
	stdSpace   = "kopru-std"  // esbuild's namespace of the embedded library
	outName    = "kopru-bundle.js"
)

// bundler turns a script and what it imports into one source.
type bundler struct {
	root   string   // the project's directory, absolute and without symbolic links
	bases  []string // like root: templates, whose files stand in for those that root has not
	script string   // relative to root, with slashes
	tests  bool     // the script is a file of tests
}

// bundled is one source that needs nothing else: an expression that yields a function of exports, module and native.
type bundled struct {
	source, sourceMap []byte
	digest            string
	files             []string
}

func (b *bundler) bundle() (*bundled, diag.List) {
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: b.root,
		EntryPoints:   []string{b.find(b.script)},
		Outfile:       filepath.Join(b.root, outName),
		Bundle:        true,
		Write:         false,
		Metafile:      true,
		Format:        api.FormatCommonJS,
		Platform:      api.PlatformNeutral,
		MainFields:    []string{"module", "main"},
		Conditions:    []string{"module", "import"},
		Target:        api.ES2022,
		Supported: map[string]bool{ // what goja lacks of ES2022 and before
			"async-generator": false, "for-await": false, "top-level-await": false, "logical-assignment": false,
			"class-static-blocks": false, "class-private-brand-check": false, "regexp-match-indices": false,
			"import-meta": false, "dynamic-import": false,
		},
		Charset:        api.CharsetUTF8,
		LegalComments:  api.LegalCommentsNone,
		Sourcemap:      api.SourceMapLinked,
		SourcesContent: api.SourcesContentExclude,
		TsconfigRaw:    `{"compilerOptions":{"useDefineForClassFields":true}}`, // none is looked for on the disk
		Banner:         map[string]string{"js": "(function (exports, module, __kopru) {"},
		Footer:         map[string]string{"js": "})"},
		Plugins:        []api.Plugin{b.stdPlugin(), b.layersPlugin(), b.fencePlugin()},
		LogLevel:       api.LogLevelSilent,
	})
	diags := b.diagnostics(diag.Error, result.Errors)
	diags = append(diags, b.diagnostics(diag.Warning, result.Warnings)...)
	if diags.HasErrors() {
		return nil, diags
	}
	out := &bundled{files: b.inputs(result.Metafile)}
	for _, f := range result.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			out.sourceMap = b.renamed(f.Contents)
		} else {
			out.source = f.Contents
		}
	}
	sum := sha256.Sum256(out.source)
	out.digest = hex.EncodeToString(sum[:16])
	return out, diags
}

// stdPlugin resolves kopru/std, and what the library imports of itself, to the embedded files.
func (b *bundler) stdPlugin() api.Plugin {
	return api.Plugin{Name: stdSpace, Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: `^kopru/`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			switch {
			case args.Path == testImport && b.tests:
				return api.OnResolveResult{Path: "testing.ts", Namespace: stdSpace, SideEffects: api.SideEffectsFalse}, nil
			case args.Path == testImport:
				return api.OnResolveResult{Errors: []api.Message{{Text: `Could not resolve "` + testImport + `": it is for tests, in files named *.test.ts`}}}, nil
			case args.Path != stdImport:
				return api.OnResolveResult{Errors: []api.Message{{Text: `Could not resolve "` + args.Path + `": there is only "` + stdImport + `"`}}}, nil
			}
			return api.OnResolveResult{Path: "index.ts", Namespace: stdSpace, SideEffects: api.SideEffectsFalse}, nil
		})
		build.OnResolve(api.OnResolveOptions{Filter: `^\./`, Namespace: stdSpace}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: path.Clean(args.Path) + ".ts", Namespace: stdSpace, SideEffects: api.SideEffectsFalse}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: stdSpace}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			data, err := std.Files.ReadFile(args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			text := string(data)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderTS}, nil
		})
	}}
}

// find is where a file is: in the project, else in the first template that has it.
func (b *bundler) find(name string) string {
	for _, dir := range append([]string{b.root}, b.bases...) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return filepath.Join(b.root, filepath.FromSlash(name))
}

// name is how a file is called, whether the project or a template has it. It is given relative to the project, or absolute.
func (b *bundler) name(file string) string {
	if filepath.IsLocal(file) {
		return file
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(b.root, filepath.FromSlash(file))
	}
	for _, dir := range append([]string{b.root}, b.bases...) {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return file
}

// layersPlugin lays the project over the templates: whoever imports a file gets the project's, if it has one.
func (b *bundler) layersPlugin() api.Plugin {
	return api.Plugin{Name: "layers", Setup: func(build api.PluginBuild) {
		if len(b.bases) == 0 {
			return
		}
		const within = "within one folder"
		build.OnResolve(api.OnResolveOptions{Filter: `^\.\.?/`, Namespace: "file"}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if args.PluginData == within {
				return api.OnResolveResult{}, nil
			}
			name := path.Join(path.Dir(b.name(args.Importer)), args.Path)
			for _, dir := range append([]string{b.root}, b.bases...) {
				found := build.Resolve("./"+name, api.ResolveOptions{Importer: args.Importer, Kind: args.Kind, ResolveDir: dir, PluginData: within})
				if len(found.Errors) == 0 {
					return api.OnResolveResult{Path: found.Path}, nil
				}
			}
			return api.OnResolveResult{}, nil
		})
	}}
}

// renamed is a source map in which files have their names.
func (b *bundler) renamed(sourceMap []byte) []byte {
	if len(b.bases) == 0 {
		return sourceMap
	}
	var fields map[string]any
	_ = json.Unmarshal(sourceMap, &fields) // esbuild's own output
	sources, _ := fields["sources"].([]any)
	for i, s := range sources {
		if s, ok := s.(string); ok && !strings.HasPrefix(s, stdSpace+":") {
			sources[i] = b.name(s)
		}
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return sourceMap
	}
	return out
}

// fencePlugin keeps imports inside of the project's directory and the templates', symbolic links resolved.
func (b *bundler) fencePlugin() api.Plugin {
	return api.Plugin{Name: "project", Setup: func(build api.PluginBuild) {
		build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			var result api.OnLoadResult
			real, err := filepath.EvalSymlinks(args.Path)
			if err == nil && !b.inside(real) {
				result.Errors = []api.Message{{Text: "Could not import " + filepath.Base(args.Path) + ": it is outside of the project"}}
			}
			return result, nil
		})
	}}
}

func (b *bundler) inside(file string) bool {
	return slices.ContainsFunc(append([]string{b.root}, b.bases...), func(dir string) bool {
		rel, err := filepath.Rel(dir, file)
		return err == nil && filepath.IsLocal(rel)
	})
}

// inputs lists the project's files in esbuild's account of a build.
func (b *bundler) inputs(metafile string) []string {
	var meta struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	_ = json.Unmarshal([]byte(metafile), &meta) // esbuild's own output
	var files []string
	for name := range meta.Inputs {
		if !strings.HasPrefix(name, stdSpace+":") {
			files = append(files, b.name(name))
		}
	}
	slices.Sort(files)
	return files
}

// diagnostics translates esbuild's messages.
func (b *bundler) diagnostics(severity diag.Severity, messages []api.Message) diag.List {
	var list diag.List
	for _, m := range messages {
		d := diag.Diagnostic{Severity: severity, Code: "transform.syntax", Summary: m.Text, Detail: "Look here and just before it: a word is misspelt, or a bracket, a quote or a comma is missing or too many."}
		if strings.HasPrefix(m.Text, "Could not ") {
			d.Code = "transform.import"
			d.Detail = `Imports are files and packages below the project's directory, and "` + stdImport + `". There is no Node.js here.`
		}
		var notes []string
		for _, n := range m.Notes {
			if !strings.Contains(n.Text, "esbuild") && !strings.Contains(n.Text, "platform") {
				notes = append(notes, n.Text)
			}
		}
		if len(notes) > 0 && d.Code == "transform.syntax" {
			d.Detail = strings.Join(notes, "\n")
		}
		if l := m.Location; l != nil && l.Namespace != stdSpace {
			column := len([]rune(l.LineText[:min(l.Column, len(l.LineText))])) + 1
			d.Subject = b.subject(b.name(l.File), l.Line, column, max(1, l.Length))
			if d.Code == "transform.import" { // of mistakes in the text it is but what might stand there
				d.Suggest = l.Suggestion
			}
		}
		list = append(list, d)
	}
	return list
}

// subject is a range on one line; column counts characters from 1.
func (b *bundler) subject(file string, line, column, length int) *hcl.Range {
	start := hcl.Pos{Line: line, Column: column}
	if data, err := os.ReadFile(b.find(file)); err == nil {
		start.Byte = offset(data, line, column)
	}
	end := start
	end.Column += length
	end.Byte += length
	return &hcl.Range{Filename: file, Start: start, End: end}
}

// offset is the byte at which a line's column begins.
func offset(data []byte, line, column int) int {
	at := 0
	for text := range strings.Lines(string(data)) {
		if line--; line == 0 {
			runes := []rune(text)
			return at + len(string(runes[:min(max(column-1, 0), len(runes))]))
		}
		at += len(text)
	}
	return at
}
