package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// write keeps the results as a file, with how to repeat them, and the ratios as a picture.
func (b *bench) write() error {
	if b.keep == "" {
		return nil
	}
	var md bytes.Buffer
	fmt.Fprintf(&md, `# Measured

Written by `+"`make bench`"+`; repeat it with

    go run ./engine/bench -orders %d -items %d -grown %d -most %d -rounds %d -keep engine/bench

Every job runs in turns with its limit, a Go program written by hand for it. The ratio is the limit's time divided by
Kopru's, medians of %d rounds. A/A is the same ratio between two measurements of the limit: what it is off 1, and how
far it spreads, is noise. What arrived is counted at the target each time. Kopru runs with its engine and connectors as
processes of their own and with durable commits. This was %s/%s with %d processors: what
counts are the ratios.

![Kopru beside its limits](results.svg)

`, b.orders, b.items, b.grown, b.most, b.rounds, b.rounds, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if err := b.compare(&md); err != nil {
		return err
	}
	for _, r := range b.results {
		fmt.Fprintf(&md, "## %s\n\n%s\n\n```\n%s\n", r.job, r.what, strings.Join(r.lines, "\n"))
		if r.contest {
			fmt.Fprintln(&md, r.line())
		}
		md.WriteString("```\n\n")
	}
	if err := os.WriteFile(filepath.Join(b.keep, "results.md"), md.Bytes(), 0o644); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	return os.WriteFile(filepath.Join(b.keep, "results.svg"), b.picture(), 0o644) //nolint:gosec // everybody may read it
}

// earlier is a measurement that was made before, as before.json keeps it.
type earlier struct {
	When string `json:"when"`
	Jobs []struct {
		Job             string  `json:"job"`
		Ratio           float64 `json:"ratio"`
		Rate            int     `json:"rate"`
		ProcessorMicros float64 `json:"processorMicros"`
		EngineMB        int64   `json:"engineMB"`
	} `json:"jobs"`
	Lines map[string][]string `json:"lines"`
}

// compare writes what was measured before beside what is now.
func (b *bench) compare(md *bytes.Buffer) error {
	data, err := os.ReadFile(filepath.Join(b.keep, "before.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var before earlier
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("before.json: %w", err)
	}
	fmt.Fprintf(md, "## Before and after\n\nBefore is %s; `before.json` has it.\n\n", before.When)
	md.WriteString("| job | ratio | records/s | processor a record | engine's peak |\n|---|---|---|---|---|\n")
	for _, was := range before.Jobs {
		for _, r := range b.results {
			if r.job != was.Job {
				continue
			}
			fmt.Fprintf(md, "| %s | %.2f → **%.2f** | %d → **%.0f** | %.1f → **%.1f** µs | %d → **%d** MB |\n", r.job, was.Ratio, r.ratio,
				was.Rate, float64(r.records)/r.kopru.took.Seconds(), was.ProcessorMicros,
				r.kopru.cpu.Seconds()*1e6/float64(r.records), was.EngineMB, r.kopru.engineKB/1024)
		}
	}
	for _, job := range slices.Sorted(maps.Keys(before.Lines)) { // what has no ratio
		fmt.Fprintf(md, "\n%s before:\n\n```\n%s\n```\n", job, strings.Join(before.Lines[job], "\n"))
	}
	md.WriteString("\n")
	return nil
}

// picture draws a bar for each job beside its limit, and the noise as a line across the limit.
func (b *bench) picture() []byte {
	const left, unit, step = 130, 420, 30
	var bars bytes.Buffer
	y := 34
	for _, r := range b.results {
		if !r.contest {
			continue
		}
		width := int(min(r.ratio, 1.2) * unit)
		fmt.Fprintf(&bars, `  <text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, y+13, r.job)
		fmt.Fprintf(&bars, `  <rect x="%d" y="%d" width="%d" height="18" fill="#2f6fab"/>`+"\n", left, y, width)
		fmt.Fprintf(&bars, `  <text x="%d" y="%d" fill="#fff">%.2f</text>`+"\n", left+6, y+13, r.ratio)
		fmt.Fprintf(&bars, `  <line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#c0562b" stroke-width="4"/>`+"\n",
			left+int(min(r.low, 1.2)*unit), y+9, left+int(min(r.high, 1.2)*unit), y+9)
		y += step
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 %d" font-family="sans-serif" font-size="13" fill="#333">
  <rect width="680" height="%d" fill="#fff"/>
  <text x="%d" y="20">Kopru's rate as a share of a hand-written loop's; the short line is the noise of the loop itself</text>
  <line x1="%d" y1="28" x2="%d" y2="%d" stroke="#999" stroke-dasharray="4 3"/>
%s</svg>
`, y+10, y+10, 8, left+unit, left+unit, y, bars.String())
}
