package file

import (
	"path"
	"strings"
	"unicode/utf8"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// The formats.
const (
	jsonLines = "jsonl"
	jsonArray = "json"
	commas    = "csv"
)

// What to do with a file that is there already.
const (
	ifExistsFail    = "fail"
	ifExistsReplace = "replace"
	ifExistsAppend  = "append"
)

// stdio is the entity that stands for standard input and output.
const stdio = "-"

// format is how a file is written.
type format struct {
	kind      string
	gzip      bool
	delimiter rune
}

// formatOf takes the format from the options, else from the name's ending.
func formatOf(name string, options sdk.Config) (format, error) {
	base, zipped := strings.CutSuffix(strings.ToLower(name), ".gz")
	f := format{kind: options.String("format"), gzip: zipped, delimiter: ','}
	if text := options.String("delimiter"); text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if size != len(text) || r == '"' || r == '\r' || r == '\n' || r == utf8.RuneError {
			return format{}, sdk.Fatal("file.bad_delimiter", "%q can't stand between values; give one character", text).At("delimiter")
		}
		f.delimiter = r
	}
	if f.kind != "" {
		return f, nil
	}
	switch path.Ext(base) {
	case ".jsonl", ".ndjson":
		f.kind = jsonLines
	case ".json":
		f.kind = jsonArray
	case ".csv":
		f.kind = commas
	default:
		if name == stdio {
			f.kind = jsonLines
			return f, nil
		}
		return format{}, sdk.Fatal("file.unknown_format",
			"the ending of %q does not tell how the file is written; say so: format = %q, %q or %q", name, jsonLines, jsonArray, commas)
	}
	return f, nil
}
