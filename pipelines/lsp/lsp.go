// Package lsp is the language server: what an editor asks about a project, over the Language Server Protocol.
package lsp

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"
	"github.com/a-h/templ/lsp/uri"
	"github.com/hashicorp/hcl/v2"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
)

// Serve answers an editor until it says exit or is gone. options are those of a project's folder.
func Serve(ctx context.Context, editor io.ReadWriteCloser, version string, options func(dir string) pipelines.Options) error {
	conn := jsonrpc2.NewConn(jsonrpc2.NewStream(editor))
	quiet := slog.New(slog.DiscardHandler)
	s := &server{
		version: version, options: options, client: protocol.ClientDispatcher(conn, quiet), ended: make(chan struct{}),
		open: map[uri.URI]document{}, told: map[string]map[string]bool{},
	}
	answer := protocol.ServerHandler(quiet, s, jsonrpc2.MethodNotFoundHandler)
	conn.Go(ctx, protocol.Handlers(func(ctx context.Context, reply jsonrpc2.Replier, req jsonrpc2.Request) error {
		if !answered[req.Method()] {
			return jsonrpc2.MethodNotFoundHandler(ctx, reply, req)
		}
		return answer(ctx, reply, req)
	}))
	select {
	case <-conn.Done():
	case <-ctx.Done():
	case <-s.ended: // a read of standard input that waits can't be called off
	}
	s.checking.Wait()
	return nil
}

// answered are the methods that server has; the others of protocol.Server are nil.
var answered = map[string]bool{
	protocol.MethodInitialize: true, protocol.MethodInitialized: true, protocol.MethodShutdown: true, protocol.MethodExit: true,
	protocol.MethodTextDocumentDidOpen: true, protocol.MethodTextDocumentDidChange: true, protocol.MethodTextDocumentDidClose: true,
	protocol.MethodTextDocumentDidSave: true, protocol.MethodTextDocumentCompletion: true, protocol.MethodTextDocumentHover: true,
	protocol.MethodTextDocumentDefinition: true, protocol.MethodTextDocumentFormatting: true,
}

type server struct {
	protocol.Server

	version string
	options func(dir string) pipelines.Options
	client  protocol.Client
	ended   chan struct{}
	once    sync.Once // closes it

	mu       sync.Mutex
	open     map[uri.URI]document       // as the editor has them
	told     map[string]map[string]bool // by folder: the paths of files that diagnostics were sent for
	asked    int                        // grows with every change; only the newest is checked
	checking sync.WaitGroup
	turn     sync.Mutex // one check at a time
}

type document struct {
	text    string
	version int32
}

// Initialize says what the server can do.
func (s *server) Initialize(context.Context, *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	return &protocol.InitializeResult{
		ServerInfo: &protocol.ServerInfo{Name: "kopru", Version: s.version},
		Capabilities: protocol.ServerCapabilities{
			TextDocumentSync: protocol.TextDocumentSyncOptions{
				OpenClose: true, Change: protocol.TextDocumentSyncKindFull, Save: &protocol.SaveOptions{},
			},
			CompletionProvider: &protocol.CompletionOptions{TriggerCharacters: []string{".", "\"", "="}},
			HoverProvider:      true, DefinitionProvider: true, DocumentFormattingProvider: true,
		},
	}, nil
}

// Initialized is a courtesy of the editor.
func (s *server) Initialized(context.Context, *protocol.InitializedParams) error { return nil }

// Shutdown is followed by exit.
func (s *server) Shutdown(context.Context) error { return nil }

// Exit ends the connection.
func (s *server) Exit(context.Context) error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// DidOpen takes a text over from the disk.
func (s *server) DidOpen(ctx context.Context, p *protocol.DidOpenTextDocumentParams) error {
	s.changed(ctx, p.TextDocument.URI, &document{p.TextDocument.Text, p.TextDocument.Version})
	return nil
}

// DidChange brings the whole new text.
func (s *server) DidChange(ctx context.Context, p *protocol.DidChangeTextDocumentParams) error {
	if n := len(p.ContentChanges); n > 0 {
		s.changed(ctx, p.TextDocument.URI, &document{p.ContentChanges[n-1].Text, p.TextDocument.Version})
	}
	return nil
}

// DidSave looks again: scripts are read from the disk.
func (s *server) DidSave(ctx context.Context, p *protocol.DidSaveTextDocumentParams) error {
	s.mu.Lock()
	doc, ok := s.open[p.TextDocument.URI]
	s.mu.Unlock()
	if ok {
		s.changed(ctx, p.TextDocument.URI, &doc)
	}
	return nil
}

// DidClose gives a text back to the disk.
func (s *server) DidClose(ctx context.Context, p *protocol.DidCloseTextDocumentParams) error {
	s.changed(ctx, p.TextDocument.URI, nil)
	return nil
}

// changed notes a text and checks its project, unless the next change is there already.
func (s *server) changed(ctx context.Context, at uri.URI, doc *document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if doc == nil {
		delete(s.open, at)
	} else {
		s.open[at] = *doc
	}
	s.asked++
	asked := s.asked
	ctx = context.WithoutCancel(ctx)
	s.checking.Go(func() {
		s.turn.Lock()
		defer s.turn.Unlock()
		s.mu.Lock()
		late := s.asked != asked
		s.mu.Unlock()
		if !late {
			s.check(ctx, filepath.Dir(at.Filename()))
		}
	})
}

// in returns the options of a folder with the texts that are open in it.
func (s *server) in(dir string) pipelines.Options {
	opts := s.options(dir)
	opts.Detached, opts.Buffers = true, map[string][]byte{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, doc := range s.open {
		if path := at.Filename(); filepath.Dir(path) == dir && strings.HasSuffix(path, ".hcl") {
			opts.Buffers[filepath.Base(path)] = []byte(doc.text)
		}
	}
	return opts
}

// versions of the open documents of a folder, by path.
func (s *server) versions(dir string) map[string]int32 {
	out := map[string]int32{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, doc := range s.open {
		if path := at.Filename(); filepath.Dir(path) == dir {
			out[path] = doc.version
		}
	}
	return out
}

// check sends what is wrong with a project, and takes back what no longer is.
func (s *server) check(ctx context.Context, dir string) {
	versions := s.versions(dir)
	opts := s.in(dir)
	p, diags := pipelines.Load(dir, opts)
	texts := p.Files
	if !diags.HasErrors() { // what tests say can't be judged before
		suite, more := pipelines.LoadTests(dir, opts)
		diags = append(diags, more...)
		texts = maps.Clone(texts)
		maps.Copy(texts, suite.Files)
	}
	byFile := map[string][]protocol.Diagnostic{}
	for _, d := range diags {
		file := ""
		rng := hcl.Range{Start: hcl.InitialPos, End: hcl.InitialPos}
		if d.Subject != nil {
			file, rng = d.Subject.Filename, *d.Subject
		}
		for name := range p.Files {
			if file == "" { // of the project as a whole
				file = name
			}
		}
		if file != "" {
			path := p.Path(file)
			byFile[path] = append(byFile[path], told(d, rangeOf(rng, texts[file])))
		}
	}
	files := map[string]bool{}
	for name := range byFile {
		files[name] = true
	}
	for name := range s.told[dir] {
		byFile[name] = append([]protocol.Diagnostic{}, byFile[name]...)
	}
	for name := range versions {
		byFile[name] = append([]protocol.Diagnostic{}, byFile[name]...)
	}
	s.told[dir] = files
	for name, list := range byFile {
		_ = s.client.PublishDiagnostics(ctx, &protocol.PublishDiagnosticsParams{ // the editor is gone when this fails
			URI: uri.File(name), Version: uint32(versions[name]), Diagnostics: list,
		})
	}
}

func told(d diag.Diagnostic, rng protocol.Range) protocol.Diagnostic {
	text := d.Summary + ". " + d.Detail
	if d.Suggest != "" {
		text += " Did you mean \"" + d.Suggest + "\"?"
	}
	severity := protocol.DiagnosticSeverityError
	if d.Severity == diag.Warning {
		severity = protocol.DiagnosticSeverityWarning
	}
	return protocol.Diagnostic{Range: rng, Severity: severity, Code: d.Code, Source: "kopru", Message: text}
}

// place is a position in an open text.
type place struct {
	dir, file string
	text      []byte
	at        hcl.Pos
	opts      pipelines.Options
}

func (s *server) place(p protocol.TextDocumentPositionParams) (place, bool) {
	s.mu.Lock()
	doc, ok := s.open[p.TextDocument.URI]
	s.mu.Unlock()
	path, text := p.TextDocument.URI.Filename(), doc.text
	if !ok || !strings.HasSuffix(path, ".hcl") {
		return place{}, false
	}
	at := hcl.Pos{Line: int(p.Position.Line) + 1, Column: 1, Byte: offsetOf([]byte(text), p.Position)}
	dir := filepath.Dir(path)
	return place{dir, filepath.Base(path), []byte(text), at, s.in(dir)}, true
}

// Completion lists what may stand at a position.
func (s *server) Completion(_ context.Context, p *protocol.CompletionParams) (*protocol.CompletionList, error) {
	list := &protocol.CompletionList{Items: []protocol.CompletionItem{}}
	at, ok := s.place(p.TextDocumentPositionParams)
	if !ok {
		return list, nil
	}
	for _, c := range pipelines.Complete(at.dir, at.opts, at.file, at.text, at.at.Byte) {
		item := protocol.CompletionItem{Label: c.Name, Kind: kinds[c.Kind], Detail: cmp.Or(c.Type, c.Kind)}
		if c.Doc != "" {
			item.Documentation = c.Doc
		}
		list.Items = append(list.Items, item)
	}
	return list, nil
}

var kinds = map[string]protocol.CompletionItemKind{
	"attribute": protocol.CompletionItemKindProperty, "block": protocol.CompletionItemKindKeyword,
	"connection": protocol.CompletionItemKindReference, "connector": protocol.CompletionItemKindModule,
	"entity": protocol.CompletionItemKindClass, "field": protocol.CompletionItemKindField,
	"function": protocol.CompletionItemKindFunction, "name": protocol.CompletionItemKindVariable,
	"script": protocol.CompletionItemKindFile, "value": protocol.CompletionItemKindEnumMember,
}

// Hover says what stands at a position.
func (s *server) Hover(_ context.Context, p *protocol.HoverParams) (*protocol.Hover, error) {
	at, ok := s.place(p.TextDocumentPositionParams)
	if !ok {
		return nil, nil
	}
	text, rng, ok := pipelines.Describe(at.dir, at.opts, at.file, at.text, at.at)
	if !ok {
		return nil, nil
	}
	shown := rangeOf(rng, at.text)
	return &protocol.Hover{Contents: protocol.MarkupContent{Kind: protocol.Markdown, Value: text}, Range: &shown}, nil
}

// Definition finds where what stands at a position comes from.
func (s *server) Definition(_ context.Context, p *protocol.DefinitionParams) ([]protocol.Location, error) {
	at, ok := s.place(p.TextDocumentPositionParams)
	if !ok {
		return nil, nil
	}
	rng, ok := pipelines.Define(at.dir, at.opts, at.file, at.text, at.at)
	if !ok {
		return nil, nil
	}
	text, open := at.opts.Buffers[filepath.Base(rng.Filename)]
	if !open || filepath.Dir(rng.Filename) != at.dir {
		text, _ = os.ReadFile(rng.Filename) // a file that can't be read is shown at its beginning
	}
	return []protocol.Location{{URI: uri.File(rng.Filename), Range: rangeOf(rng, text)}}, nil
}

// Formatting writes a text in the one style.
func (s *server) Formatting(_ context.Context, p *protocol.DocumentFormattingParams) ([]protocol.TextEdit, error) {
	s.mu.Lock()
	doc, ok := s.open[p.TextDocument.URI]
	s.mu.Unlock()
	path, text := p.TextDocument.URI.Filename(), doc.text
	if !ok || !strings.HasSuffix(path, ".hcl") {
		return nil, nil
	}
	formatted, diags := pipelines.Format([]byte(text), filepath.Base(path))
	if diags.HasErrors() || string(formatted) == text { // what is wrong is told already
		return nil, nil
	}
	all := protocol.Range{End: positionOf([]byte(text), len(text))}
	return []protocol.TextEdit{{Range: all, NewText: string(formatted)}}, nil
}
