package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/record"
)

func (c *cli) deadShowCommand() *cobra.Command {
	var ch choice
	return &cobra.Command{
		Use:   "show ID [DIR]",
		Short: "Show a letter whole: the record as it came, as the steps made it, what was sent and answered",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ch.read(args); err != nil {
				return err
			}
			if len(ch.filter.IDs) != 1 {
				return errors.New("name one letter by its number; kopru dead list shows them")
			}
			store, err := c.openState(cmd.Context(), ch.dir)
			if err != nil {
				return err
			}
			defer store.Close() //nolint:errcheck // only read
			held, err := store.Held(cmd.Context(), ch.filter)
			if err != nil {
				return err
			}
			if len(held) == 0 {
				return fmt.Errorf("there is no letter #%d; see: kopru dead list --status all", ch.filter.IDs[0])
			}
			l, err := asShown(cmd.Context(), store, held[0])
			if err != nil {
				return err
			}
			l = l.Whole(held[0])
			if c.json {
				return c.printJSON(l)
			}
			printLetter(c.out, &ch, l)
			return nil
		},
	}
}

func printLetter(w io.Writer, ch *choice, l dashboard.Letter) {
	fmt.Fprintf(w, "#%d  %s since %s\n\n", l.ID, l.Status, minute(l.Since))
	facts := [][2]string{
		{"record", fmt.Sprintf("%s (%s) of pipeline %s", l.Key, l.Operation, l.Pipeline)},
		{"attempts", fmt.Sprintf("%d, first %s, last change %s", l.Attempts, minute(l.FirstAt), minute(l.LastAt))},
		{"tried by", fmt.Sprintf("run %s, definition %s", l.Run, l.Version)},
	}
	if l.Status == state.HeldParked {
		facts = append(facts, [2]string{"waits for", l.WaitsFor})
	}
	if l.Queued {
		facts = append(facts, [2]string{"queued", "the next run replays it"})
	}
	if l.Reason != "" {
		facts = append(facts, [2]string{"discarded", l.Reason})
	}
	for _, f := range facts {
		fmt.Fprintf(w, "  %-10s %s\n", f[0], f[1])
	}
	class := ""
	if l.Class != "" {
		class = " (" + l.Class + ")"
	}
	section(w, fmt.Sprintf("At step %q: %s%s", l.Step, l.Code, class), l.Message)
	if l.Remedy != "" {
		section(w, "What to do", l.Remedy)
	}
	section(w, "What came in", pretty(l.Original))
	switch {
	case len(l.Current) == 0:
	case sameJSON(l.Current, l.Original):
		section(w, fmt.Sprintf("The record at step %q", l.Step), "as it came in")
	default:
		section(w, fmt.Sprintf("The record at step %q", l.Step), pretty(l.Current))
	}
	switch {
	case len(l.Edited) > 0 && l.EditedStep == "":
		section(w, "Edited: what is replayed in place of what came in", pretty(l.Edited))
	case len(l.Edited) > 0:
		section(w, fmt.Sprintf("Edited: what is replayed from step %q", l.EditedStep), pretty(l.Edited))
	}
	printExchanges(w, l.Exchanges)
	if l.Status != state.HeldDead && l.Status != state.HeldParked {
		return
	}
	fmt.Fprintf(w, "\nNext:\n  kopru dead replay%s %d --plan\n", ch.inDir(), l.ID)
	if len(l.Current) > 0 {
		fmt.Fprintf(w, "  kopru dead replay%s %d --from %s --edit\n", ch.inDir(), l.ID, l.Step)
	}
	fmt.Fprintf(w, "  kopru dead discard%s %d --reason \"…\"\n", ch.inDir(), l.ID)
}

func sameJSON(a, b []byte) bool {
	x, errX := record.Decode(a)
	y, errY := record.Decode(b)
	return errX == nil && errY == nil && record.Equal(x, y)
}

func section(w io.Writer, title, text string) {
	fmt.Fprintf(w, "\n%s\n  %s\n", title, strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  "))
}

// pretty is JSON for people; anything else stays as it is.
func pretty(data []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, data, "", "  ") != nil {
		return string(data)
	}
	return b.String()
}

func printExchanges(w io.Writer, list []dashboard.Exchange) {
	for i, x := range list {
		section(w, fmt.Sprintf("Sent (%d of %d)", i+1, len(list)), x.Request)
		section(w, fmt.Sprintf("Answered, status %d after %d ms", x.Status, x.TookMS), x.Response)
	}
}
