package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	goversion "github.com/hashicorp/go-version"
	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/release"
)

// relocked is what became of one connector's entry.
type relocked struct {
	Name    string   `json:"name"`
	Before  string   `json:"before,omitempty"` // version
	Version string   `json:"version"`
	Source  string   `json:"source,omitempty"`
	Changes []change `json:"changes,omitempty"`
}

// change is what a new version describes differently, with the pipelines that use it.
type change struct {
	release.Difference
	Pipelines []string `json:"pipelines"`
}

func (c *cli) connectorLockCommand() *cobra.Command {
	var upgrade, dry bool
	cmd := &cobra.Command{
		Use:   "lock [DIR]",
		Short: "Write down exactly which connectors the project runs with; nothing else is started from then on",
		Long: `Writes kopru.lock.hcl: for each connector the project uses its version and the checksums of its program, for all
platforms if the require block says where it comes from and whose signature it must have:

  require {
    webshop = { version = "~> 1.2", source = "https://connectors.example.com", key = "RWQ…" }
  }

The source is a folder, an https:// address or an oci:// registry. A connector without a source is locked as it is
installed on this machine. A version that is locked stays until --upgrade asks for the newest that is allowed; what the
new one describes differently is shown, with the pipelines that use it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			return c.lock(cmd.Context(), dir, upgrade, dry)
		},
	}
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "take the newest versions that the require block allows")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change and write nothing")
	return cmd
}

func (c *cli) lock(ctx context.Context, dir string, upgrade, dry bool) error {
	needs, err := c.requirements(dir)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, pipelines.LockFile)
	before, err := release.ReadLock(file)
	if err != nil {
		return err
	}
	o := c.hostOptions(dir, c.logger(nil))
	o.Checksums = nil // what is to be locked is not locked yet
	h := host.New(o)
	defer h.Close()
	l := locker{ctx: ctx, dir: dir, host: h, upgrade: upgrade}
	after, said := &release.Lock{}, []relocked{}
	for _, need := range needs {
		old, locked := before.Get(need.Name)
		entry, err := l.entry(need, old)
		if err != nil {
			return err
		}
		after.Connectors = append(after.Connectors, entry)
		r := relocked{Name: entry.Name, Before: old.Version, Version: entry.Version, Source: entry.Source}
		if locked && old.Version != entry.Version && entry.Source != "" {
			if r.Changes, err = c.changes(l, old, entry); err != nil {
				return err
			}
		}
		said = append(said, r)
	}
	if !dry {
		if err := after.Write(file); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(map[string]any{"connectors": said})
	}
	for _, r := range said {
		c.printRelocked(r)
	}
	return nil
}

func (c *cli) requirements(dir string) ([]pipelines.Requirement, error) {
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	needs, diags := pipelines.Requirements(dir, opts)
	return needs, c.tell(nil, diags)
}

func (c *cli) printRelocked(r relocked) {
	versions := r.Version
	if r.Before != "" && r.Before != r.Version {
		versions = r.Before + " → " + r.Version
	}
	from := "as installed here"
	if r.Source != "" {
		from = "from " + r.Source
	}
	fmt.Fprintf(c.out, "%-14s %s, %s\n", r.Name, versions, from)
	for _, d := range r.Changes {
		users := "no pipeline uses it"
		if len(d.Pipelines) > 0 {
			users = "used by " + strings.Join(d.Pipelines, ", ")
		}
		fmt.Fprintf(c.out, "  %s (%s)\n", d.What, users)
	}
}

// locker makes a lock's entries.
type locker struct {
	ctx     context.Context
	dir     string
	host    *host.Host
	upgrade bool
}

func (l locker) entry(need pipelines.Requirement, old release.Locked) (release.Locked, error) {
	if need.Source == "" {
		return l.installed(need, old)
	}
	key, err := release.ParseKey(need.Key)
	if err != nil {
		return old, err
	}
	source, err := release.From(need.Source, l.dir)
	if err != nil {
		return old, err
	}
	v := old.Version
	keep := old.Source != "" && !l.upgrade && allowed(need.Version, v)
	if !keep {
		if v, err = release.Newest(l.ctx, source, need.Name, need.Version); err != nil {
			return old, err
		}
	}
	r, err := release.Get(l.ctx, source, need.Name, v, key)
	if err != nil {
		return old, err
	}
	entry := release.Locked{Name: need.Name, Version: v, Source: need.Source, Key: need.Key, Checksums: r.Checksums()}
	for platform, sum := range old.Checksums {
		if keep && entry.Checksums[platform] != sum {
			return old, &release.Error{Code: "release.changed", Message: fmt.Sprintf(
				"%s %s for %s is not what it was when it was locked: its publisher signed another program with the same version", need.Name, v, platform)}
		}
	}
	return entry, nil
}

// installed locks a connector as it is on this machine. What was locked on others stays while this one's is the same.
func (l locker) installed(need pipelines.Requirement, old release.Locked) (release.Locked, error) {
	m, err := l.host.Manifest(l.ctx, need.Name)
	if err != nil {
		return old, err
	}
	if !allowed(need.Version, m.GetVersion()) {
		return old, fmt.Errorf("the project asks for %s %s; installed is %s", need.Name, need.Version, m.GetVersion())
	}
	_, sum, err := l.host.Program(need.Name)
	if err != nil {
		return old, err
	}
	here := release.Platform()
	entry := release.Locked{Name: need.Name, Version: m.GetVersion(), Checksums: map[string]string{}}
	if was := old.On(here); old.Version == entry.Version && old.Source == "" && (was == "" || was == sum) {
		for platform, other := range old.Checksums {
			entry.Checksums[platform] = other
		}
	}
	entry.Checksums[here] = sum
	return entry, nil
}

func allowed(constraints goversion.Constraints, v string) bool {
	parsed, err := goversion.NewVersion(v)
	return err == nil && constraints.Check(parsed)
}

// changes compares what the two versions describe.
func (c *cli) changes(l locker, old, entry release.Locked) ([]change, error) {
	var described [2]*protocol.Manifest
	for i, e := range []release.Locked{old, entry} {
		var err error
		if described[i], err = l.describe(e); err != nil {
			return nil, fmt.Errorf("what %s %s described: %w", e.Name, e.Version, err)
		}
	}
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	opts.Catalog, opts.MadeUp = before{catalog{l.ctx, l.host}, described[0]}, true
	p, _ := pipelines.Load(l.dir, opts) // its mistakes are for validate to tell
	var out []change
	for _, d := range release.Differences(described[0], described[1]) {
		out = append(out, change{d, users(p, entry.Name, d.Entity)})
	}
	return out, nil
}

func (l locker) describe(e release.Locked) (*protocol.Manifest, error) {
	if e.Source == "" {
		return l.host.Manifest(l.ctx, e.Name)
	}
	key, err := release.ParseKey(e.Key)
	if err != nil {
		return nil, err
	}
	source, err := release.From(e.Source, l.dir)
	if err != nil {
		return nil, err
	}
	r, err := release.Get(l.ctx, source, e.Name, e.Version, key)
	if err != nil {
		return nil, err
	}
	return r.Describes()
}

// before is the catalog as it was: with one connector in the version that the project was written for.
type before struct {
	catalog
	old *protocol.Manifest
}

// Manifest describes a connector.
func (b before) Manifest(name string) (*protocol.Manifest, error) {
	if name == b.old.GetName() {
		return b.old, nil
	}
	return b.catalog.Manifest(name)
}

// users are the pipelines that use a connector's entity, or the connector at all when the entity is "".
func users(p *pipelines.Project, connector, entity string) []string {
	var out []string
	for _, pipe := range p.Pipelines {
		uses := func(c *pipelines.Connection, of string) bool {
			return c != nil && c.Type == connector && (entity == "" || entity == of)
		}
		found := pipe.Source != nil && uses(pipe.Source.Connection, pipe.Source.Entity)
		for _, step := range pipe.Steps {
			switch s := step.(type) {
			case *pipelines.Lookup:
				found = found || uses(s.Connection, s.Entity)
			case *pipelines.Sink:
				found = found || uses(s.Connection, s.Entity)
			}
		}
		if found && !slices.Contains(out, pipe.Name) {
			out = append(out, pipe.Name)
		}
	}
	return out
}
