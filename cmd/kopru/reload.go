package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/pipelines"
)

// lookInterval is how often the project's files are looked at.
const lookInterval = time.Second

// watch puts a changed definition in force, until ctx ends. A change is taken up when it has stood still from one look
// to the next, so that a file is not read while it is being written; hangup takes it up at once.
func (s *server) watch(ctx context.Context, inForce string, hangup <-chan os.Signal) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	before := inForce
	for {
		now := false
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			now = true
		case <-tick.C:
		}
		seen := s.fingerprint(s.current().project)
		if now || seen != inForce && seen == before {
			s.reload(ctx)
			inForce = seen
		}
		before = seen
	}
}

// reload takes up the definition as it stands in the folder. One with mistakes changes nothing.
func (s *server) reload(ctx context.Context) {
	p, diags, err := s.definition(ctx, s.project.dir, s.project.host)
	if err == nil {
		err = s.tell(p, diags)
	}
	g := s.current()
	if err != nil {
		fmt.Fprintf(s.err, "the new definition can't be used (%v); definition %d, in force since %s, goes on\n",
			whatIsWrong(err), g.number, g.since.Format(time.DateTime))
		return
	}
	if p.Engine.State != g.project.Engine.State {
		fmt.Fprintf(s.err, "engine: another state is used after a restart only\n")
	}
	if err := s.swap(ctx, p); err != nil {
		fmt.Fprintf(s.err, "the new definition can't be taken up (%v); definition %d goes on\n", err, g.number)
		return
	}
	if err := s.tellStart(); err != nil {
		s.project.log.Warn("telling the new definition", "error", err)
	}
}

func whatIsWrong(err error) string {
	if err == exit(exitInvalid) { //nolint:errorlint // tell returns it bare
		return "see above"
	}
	return err.Error()
}

// sources are the endings of files that make up a definition. What a pipeline writes into the folder is none.
var sources = []string{".hcl", ".ts", ".js", ".mts", ".mjs", ".cjs", ".tsx"}

// fingerprint is what the files of the definition look like: their names, sizes and times.
func (s *server) fingerprint(p *pipelines.Project) string {
	sum := sha256.New()
	note := func(path string) {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	_ = filepath.WalkDir(s.project.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case d == nil: // the folder is gone; the loader will tell
			return err
		case d.IsDir() && path != s.project.dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && slices.Contains(sources, filepath.Ext(d.Name())):
			note(path)
		}
		return nil
	})
	for _, name := range p.Inputs {
		note(filepath.Join(s.project.dir, name))
	}
	for _, path := range s.varFiles {
		note(path)
	}
	return string(sum.Sum(nil))
}
