package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// processing is a record of what is done with personal data.
type processing struct {
	Made      string      `json:"made"` // date
	State     string      `json:"state"`
	Encrypted bool        `json:"encrypted"`
	Transport string      `json:"transport"`
	Systems   []systemOf  `json:"systems"`
	Pipelines []processed `json:"pipelines"`
	Kept      []keptFor   `json:"kept"`
	Access    []access    `json:"access"`
}

type systemOf struct {
	Connection string         `json:"connection"`
	Name       string         `json:"name"`
	Personal   []personalData `json:"personal"` // of the entities that the pipelines use
}

type personalData struct {
	Entity string   `json:"entity"`
	Fields []string `json:"fields"`
}

type processed struct {
	Name     string   `json:"name"`
	Purpose  string   `json:"purpose"`
	From     string   `json:"from"`
	To       []string `json:"to"`
	Looks    []string `json:"looks_up"`
	Payloads string   `json:"payloads"`
	Activity string   `json:"activity"`
}

type keptFor struct {
	Kind string `json:"kind"`
	What string `json:"what"`
	For  string `json:"for"`
}

type access struct {
	Who  string `json:"who"`
	Role string `json:"role"`
}

var kinds = map[string]string{
	"activity": "an entry for each record: its key, its outcome and why, ids in the systems; digests of e-mail addresses to find it by",
	"stories":  "what came in, was made of it, sent and answered",
	"letters":  "records that did not come through, as they came, after they were closed; open ones until then",
	"runs":     "when pipelines ran, and how many records",
	"audit":    "who of the users did what",
	"counts":   "records by hour, which name nobody",
}

func (c *cli) privacyCommand() *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use: "privacy [DIR]", Short: "Write the record of processing: which personal data goes where, and is kept how long", Args: cobra.MaximumNArgs(1),
		Long: "Write a record of processing, as the GDPR asks for in article 30, of what this project does: which systems and which of their fields are personal, " +
			"how they are masked, kept how long, encrypted or not, and who has access. It comes from the definition in force and the connectors' own word on their fields.",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := split(args)
			p, err := c.load(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer p.close()
			return c.withState(cmd, args, func(store *state.Store) error {
				users, err := store.Users(cmd.Context())
				if err != nil {
					return err
				}
				tokens, err := store.Tokens(cmd.Context())
				if err != nil {
					return err
				}
				view := recordOf(p.Project, store, users, tokens)
				if c.json {
					return c.printJSON(view)
				}
				view.print(c.out, markdown)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "as Markdown")
	return cmd
}

func recordOf(p *pipelines.Project, store *state.Store, users []state.User, tokens []state.Pass) processing {
	_, encrypted := store.Encrypted()
	out := processing{
		Made: time.Now().Format(time.DateOnly), State: state.SafeName(store.DSN()), Encrypted: encrypted,
		Transport: "to the systems only by TLS, or within this machine; to the state: " + transport(store.DSN()),
		Systems:   []systemOf{}, Pipelines: []processed{}, Access: []access{},
	}
	used := map[*pipelines.Connection]map[string]*protocol.Entity{}
	use := func(conn *pipelines.Connection, entity string, schema *protocol.Entity) string {
		if used[conn] == nil {
			used[conn] = map[string]*protocol.Entity{}
		}
		used[conn][entity] = schema
		return conn.Address() + "/" + entity
	}
	for _, pipeline := range p.Pipelines {
		line := processed{
			Name: pipeline.Name, Purpose: pipeline.Description, Payloads: pipeline.Payloads, Activity: pipeline.Activity, To: []string{}, Looks: []string{},
			From: use(pipeline.Source.Connection, pipeline.Source.Entity, pipeline.Source.Schema),
		}
		for _, step := range pipeline.Steps {
			switch step := step.(type) {
			case *pipelines.Lookup:
				line.Looks = add(line.Looks, use(step.Connection, step.Entity, step.Schema))
			case *pipelines.Sink:
				line.To = add(line.To, use(step.Connection, step.Entity, step.Schema))
			}
		}
		out.Pipelines = append(out.Pipelines, line)
	}
	for _, conn := range p.Connections {
		system := systemOf{Connection: conn.Address(), Name: conn.Manifest.GetName(), Personal: []personalData{}}
		for _, entity := range slices.Sorted(maps.Keys(used[conn])) {
			if fields := personalFields(used[conn][entity].GetFields(), "", false); len(fields) > 0 {
				system.Personal = append(system.Personal, personalData{entity, fields})
			}
		}
		out.Systems = append(out.Systems, system)
	}
	for kind, length := range p.Engine.Retention.Kinds() {
		out.Kept = append(out.Kept, keptFor{kind, kinds[kind], lengthOf(length)})
	}
	slices.SortFunc(out.Kept, func(a, b keptFor) int { return cmp.Compare(a.Kind, b.Kind) })
	for _, u := range users {
		out.Access = append(out.Access, access{u.Name, u.Role})
	}
	for _, t := range tokens {
		out.Access = append(out.Access, access{"token " + t.Name, t.Role})
	}
	return out
}

func add(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

func transport(dsn string) string {
	switch {
	case !state.IsPostgres(dsn):
		return "a file on this machine"
	case state.Unprotected(dsn) != "":
		return "NOT encrypted for sure; add sslmode=verify-full to its address"
	}
	return "by TLS, or within this machine"
}

func lengthOf(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == 0:
		return "for ever"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// personalFields are the paths of the fields that the connector says are personal.
func personalFields(fields []*protocol.Field, path string, within bool) []string {
	var out []string
	for _, f := range fields {
		name := path + f.GetName()
		switch pii := within || f.GetPii(); {
		case pii && !within:
			out = append(out, name)
		case !pii:
			out = append(out, personalFields(f.GetFields(), name+".", false)...)
		}
	}
	return out
}

var payloadsMean = map[string]string{
	"masked": "personal fields masked", "full": "all, personal fields in clear", "none": "nothing but the outcome",
}

// print writes the record on about one page.
func (v processing) print(w io.Writer, markdown bool) {
	encrypted := "not encrypted; a key would encrypt it, see kopru key"
	if v.Encrypted {
		encrypted = "encrypted with XChaCha20-Poly1305"
	}
	title(w, markdown, "#", "Record of processing, "+v.Made)
	fmt.Fprintf(w, "State: %s. What it keeps of records is %s.\nTransport: %s.\nSecrets: encrypted or from the environment, never in the state or a log.\n",
		v.State, encrypted, v.Transport)
	title(w, markdown, "##", "Personal data, by system")
	rows := [][]string{{"system", "entity", "personal fields"}}
	for _, s := range v.Systems {
		if len(s.Personal) == 0 {
			rows = append(rows, []string{s.Connection, "", "none that the connector names"})
		}
		for _, p := range s.Personal {
			rows = append(rows, []string{s.Connection, p.Entity, strings.Join(p.Fields, ", ")})
		}
	}
	table(w, markdown, rows)
	title(w, markdown, "##", "What is done with it")
	rows = [][]string{{"pipeline", "purpose", "kept of each record", "from", "to"}}
	for _, p := range v.Pipelines {
		rows = append(rows, []string{p.Name, p.Purpose, payloadsMean[p.Payloads], p.From, strings.Join(p.To, ", ")})
	}
	table(w, markdown, rows)
	title(w, markdown, "##", "How long it is kept")
	rows = [][]string{{"kind", "for", "what"}}
	for _, k := range v.Kept {
		rows = append(rows, []string{k.Kind, k.For, k.What})
	}
	table(w, markdown, rows)
	title(w, markdown, "##", "Who has access")
	rows = [][]string{{"who", "role"}}
	for _, a := range v.Access {
		rows = append(rows, []string{a.Who, a.Role})
	}
	table(w, markdown, append(rows, []string{"whoever may read the state's files or database", "all that is not encrypted"}))
	fmt.Fprintf(w, "\nA person is written out with kopru export --email, and erased with kopru erase --email.\n")
}

func title(w io.Writer, markdown bool, level, text string) {
	if markdown {
		fmt.Fprintf(w, "\n%s %s\n\n", level, text)
		return
	}
	fmt.Fprintf(w, "\n%s\n", strings.ToUpper(text))
}

// broken is a list with commas in lines that fit beside others.
func broken(text string) []string {
	const fits = 80
	lines := []string{""}
	for i, word := range strings.SplitAfter(text, ", ") {
		if last := lines[len(lines)-1]; i > 0 && len(last)+len(word) > fits {
			lines = append(lines, "")
		}
		lines[len(lines)-1] += word
	}
	return lines
}

// table writes rows, of which the first one names the columns.
func table(w io.Writer, markdown bool, rows [][]string) {
	if !markdown {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range rows {
			last := len(row) - 1
			for i, line := range broken(row[last]) {
				if i > 0 {
					row = make([]string, len(row))
				}
				fmt.Fprintln(t, "  "+strings.Join(append(row[:last:last], line), "\t"))
			}
		}
		_ = t.Flush() // the terminal's own trouble
		return
	}
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
}
