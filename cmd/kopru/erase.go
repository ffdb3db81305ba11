package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
)

// person says whom a command is about.
type person struct {
	email string
	also  []string
}

func (p *person) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.email, "email", "", "of the person with this `address`")
	cmd.Flags().StringArrayVar(&p.also, "also", nil, "and of the records found by this `text`, such as the person's number in a system (may be repeated)")
}

// texts are what to look for.
func (p *person) texts() ([]string, error) {
	if p.email == "" && len(p.also) == 0 {
		return nil, errors.New("say whom: --email ADDRESS")
	}
	if p.email != "" && !strings.Contains(p.email, "@") {
		return nil, fmt.Errorf("--email %s: that is no e-mail address; --also takes other texts", p.email)
	}
	if p.email == "" {
		return p.also, nil
	}
	return append([]string{p.email}, p.also...), nil
}

const personHelp = "It finds whatever holds the address, and all else of those records: they are found also where the address is masked. " +
	"Records that never had the address, such as orders that only have a customer's number, are found by --also."

// erasedView is what a command found or erased of a person.
type erasedView struct {
	DryRun  bool             `json:"dry_run"`
	Rows    map[string]int64 `json:"rows"`    // by table
	Blotted map[string]int64 `json:"blotted"` // other tables that named the person in passing
	Left    int64            `json:"left"`    // found by looking again afterwards
}

func (c *cli) eraseCommand() *cobra.Command {
	var whom person
	var dry bool
	cmd := &cobra.Command{
		Use: "erase [DIR]", Short: "Erase a person from the state, and prove it", Args: cobra.MaximumNArgs(1),
		Long: "Erase a person from the state, from its files too, and prove it by looking again.\n\n" + personHelp + "\n\nLetters that are still open go too. " +
			"Links from one system's id to the other's stay, unless they have the address in them. The systems themselves are not touched; nor are backups of " +
			"the state, nor what the database server has written ahead. The database is compacted, and runs wait for that.",
		Example: "  kopru erase --email jan@example.com --dry-run\n  kopru erase --email jan@example.com --also 10042",
		RunE: func(cmd *cobra.Command, args []string) error {
			texts, err := whom.texts()
			if err != nil {
				return err
			}
			return c.withState(cmd, args, func(store *state.Store) error {
				ctx := cmd.Context()
				if dry {
					view, err := lookFor(cmd, store, texts)
					if err != nil {
						return err
					}
					return c.printErased(view)
				}
				done, err := store.Erase(ctx, texts)
				if err != nil {
					return err
				}
				view := erasedView{Rows: done.Rows, Blotted: done.Blotted, Left: done.Left}
				err = store.Note(ctx, state.Deed{At: time.Now(), Who: commandLine, Action: "erase", What: fmt.Sprintf("a person, %d rows", total(done.Rows))})
				if err := errors.Join(err, c.printErased(view)); err != nil {
					return err
				}
				if done.Left > 0 {
					return errors.New("runs that are under way have written more of the person meanwhile; do it once more")
				}
				return nil
			})
		},
	}
	whom.flags(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be erased")
	return cmd
}

// commandLine stands in the audit log for whoever may use the state's files.
const commandLine = "command line"

func lookFor(cmd *cobra.Command, store *state.Store, texts []string) (erasedView, error) {
	view := erasedView{DryRun: true, Rows: map[string]int64{}}
	found, err := store.Person(cmd.Context(), texts)
	for _, trace := range found {
		view.Rows[trace.Table]++
	}
	if err == nil {
		view.Blotted, err = store.Passing(cmd.Context(), texts)
	}
	view.Left = total(view.Rows) + total(view.Blotted)
	return view, err
}

func total(counts map[string]int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func (c *cli) printErased(v erasedView) error {
	if c.json {
		return c.printJSON(v)
	}
	list := func(w io.Writer, counts map[string]int64, what string) {
		for _, table := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(w, "  %-12s %6d %s\n", table, counts[table], what)
		}
	}
	if v.DryRun {
		fmt.Fprintln(c.out, "Would be erased:")
	} else {
		fmt.Fprintln(c.out, "Erased:")
	}
	list(c.out, v.Rows, "rows")
	list(c.out, v.Blotted, "texts blotted out")
	if total(v.Rows)+total(v.Blotted) == 0 {
		fmt.Fprintln(c.out, "  nothing: the state has nothing of the person")
	}
	if !v.DryRun {
		fmt.Fprintf(c.out, "Looked again: %d left\n", v.Left)
	}
	return nil
}

func (c *cli) exportCommand() *cobra.Command {
	var whom person
	cmd := &cobra.Command{
		Use: "export [DIR]", Short: "Write out all that the state has of a person", Args: cobra.MaximumNArgs(1),
		Long: "Write out all that the state has of a person, for a request of access: a line of JSON for each row.\n\n" + personHelp + "\n\n" +
			"What is masked is masked here too, for it is not kept. Such rows may be of other people as well: look before you give them away.",
		Example: "  kopru export --email jan@example.com > jan.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			texts, err := whom.texts()
			if err != nil {
				return err
			}
			return c.withState(cmd, args, func(store *state.Store) error {
				found, err := store.Person(cmd.Context(), texts)
				if err != nil {
					return err
				}
				for _, trace := range found {
					readable(trace.Row)
				}
				err = store.Note(cmd.Context(), state.Deed{At: time.Now(), Who: commandLine, Action: "export", What: fmt.Sprintf("a person, %d rows", len(found))})
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"rows": append([]state.Trace{}, found...)})
				}
				lines := json.NewEncoder(c.out)
				lines.SetEscapeHTML(false)
				for _, trace := range found {
					if err := lines.Encode(trace); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	whom.flags(cmd)
	return cmd
}

// readable turns documents into JSON and milliseconds into times.
func readable(row map[string]any) {
	for name, v := range row {
		switch v := v.(type) {
		case string:
			if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
				if document := json.RawMessage(v); json.Valid(document) {
					row[name] = document
				}
			}
		case int64:
			if name == "at" || name == "since" || strings.HasSuffix(name, "_at") {
				row[name] = nil
				if v > 0 {
					row[name] = time.UnixMilli(v).UTC()
				}
			}
		}
	}
}
