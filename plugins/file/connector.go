// Package file connects to files: JSON lines, JSON and CSV, also compressed with gzip, so that a pipeline can be tried
// without any system.
package file

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Connector reads and writes files in a folder. An entity is a file's name in it, a pattern such as "in/*.jsonl" for
// reading, or "-" for standard input and output.
type Connector struct {
	stdin     io.Reader
	stdinRead atomic.Bool // what came from there can't be read twice
	stdout    func() *os.File
}

// New returns the connector.
func New() *Connector { return &Connector{stdin: os.Stdin, stdout: sdk.Stdout} }

const text = protocol.AttributeType_ATTRIBUTE_TYPE_STRING

// Manifest describes the connector.
func (c *Connector) Manifest() *protocol.Manifest {
	path := sdk.Attribute("path", text, "The folder that the files are in. Relative to the project. Nothing outside it can be read or written.", sdk.WritePath)
	path.Example = "/srv/exchange"
	return &protocol.Manifest{
		Name: "file", Version: "0.1.0", OpenEntities: true, Stdio: true, Access: &protocol.Access{},
		Summary: "Files in a folder: JSON lines, JSON and CSV, also compressed with gzip, and standard input and output.",
		Config:  []*protocol.Attribute{sdk.WithDefault(path, ".")},
		Entities: []*protocol.Entity{{
			Name:        "*",
			Description: `A file, as its path in the folder: "orders.jsonl", "items.csv.gz"; "in/*.csv" reads many; "-" is standard input or output.`,
			OpenFields:  true, CanRead: true, CanCreate: true, AppendOnly: true, Incremental: true,
			SourceOptions: SourceOptions(),
			SinkOptions:   SinkOptions(),
		}},
	}
}

// SourceOptions are what ReadFrom takes.
func SourceOptions() []*protocol.Attribute {
	key := sdk.Attribute("key", text,
		`The field that tells records apart, such as "id" or "order.number". Without it "id" where there is one, else the line.`, 0)
	return append([]*protocol.Attribute{key}, formatOptions()...)
}

// SinkOptions are what WriteTo takes.
func SinkOptions() []*protocol.Attribute {
	exists := sdk.WithDefault(sdk.Attribute("if_exists", text,
		"What to do at the first run when the file has something in it already.", 0), ifExistsFail)
	exists.Values = []string{ifExistsFail, ifExistsReplace, ifExistsAppend}
	columns := sdk.Attribute("columns", protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST,
		"The columns of a CSV file; without it the fields of the first record.", 0)
	return append(formatOptions(), columns, exists)
}

func formatOptions() []*protocol.Attribute {
	format := sdk.Attribute("format", text, "How the file is written; without it the name's ending tells.", 0)
	format.Values = []string{jsonLines, jsonArray, commas}
	delimiter := sdk.WithDefault(sdk.Attribute("delimiter", text, "What stands between the values of a CSV line.", 0), ",")
	return []*protocol.Attribute{format, delimiter}
}

// Validate has nothing to add to the manifest.
func (c *Connector) Validate(sdk.Config) []*protocol.Problem { return nil }

// Open makes a connection. The folder need not be there yet.
func (c *Connector) Open(_ context.Context, _ string, config sdk.Config, log *slog.Logger) (sdk.Connection, error) {
	return &connection{folder: config.String("path"), connector: c, log: log}, nil
}

type connection struct {
	folder    string
	connector *Connector
	log       *slog.Logger
}

// root opens the folder; the operating system then keeps every path inside it, links included.
func (c *connection) root() (*os.Root, error) {
	root, err := os.OpenRoot(c.folder)
	if err != nil {
		return nil, sdk.Fatal("file.no_folder", "the folder %q can't be opened: %v", c.folder, err)
	}
	return root, nil
}

// Check tells whether the folder is there and what is in it.
func (c *connection) Check(context.Context) ([]string, []*protocol.Problem) {
	info, err := os.Stat(c.folder)
	switch {
	case err != nil:
		return nil, []*protocol.Problem{{Attribute: "path", Summary: err.Error(), Detail: "Make the folder or correct `path`."}}
	case !info.IsDir():
		return nil, []*protocol.Problem{{
			Attribute: "path", Summary: c.folder + " is a file", Detail: "`path` names the folder; the entity names the file.",
		}}
	}
	entries, err := os.ReadDir(c.folder)
	if err != nil {
		return nil, []*protocol.Problem{{Attribute: "path", Summary: err.Error(), Detail: "Kopru needs the right to read it."}}
	}
	return []string{fmt.Sprintf("%d files and folders in %s", len(entries), c.folder)}, nil
}

// Close releases nothing: files are open only while they are read or written.
func (c *connection) Close() error { return nil }
