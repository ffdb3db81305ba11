package file

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	fingerprinted = 1 << 10 // bytes at the beginning and before a place that tell whether a file is still the same
	cursorLimit   = 4 << 20 // a cursor travels with every batch
)

// How far a file was read.
const (
	underWay = "part"
	atEnd    = "done"
	gone     = "gone" // was at its end, and at a later read no longer there
)

// mark is where the reading of a file stands. All but seen is about its text, after decompression.
type mark struct {
	offset int64  // bytes
	count  int64  // lines, or elements of a JSON array
	sum    string // fingerprint of the text up to offset
	state  string
	seen   string // of a compressed file: its size and fingerprint as it is on disk, "" = unknown
}

func (m mark) String() string {
	return strings.TrimSpace(strings.Join([]string{
		strconv.FormatInt(m.offset, 10), strconv.FormatInt(m.count, 10), m.sum, m.state, m.seen,
	}, " "))
}

func parseMark(s string) (m mark, ok bool) {
	f := append(strings.Split(s, " "), "")
	if len(f) < 5 {
		return mark{}, false
	}
	var err1, err2 error
	m.offset, err1 = strconv.ParseInt(f[0], 10, 64)
	m.count, err2 = strconv.ParseInt(f[1], 10, 64)
	m.sum, m.state, m.seen = f[2], f[3], f[4]
	return m, err1 == nil && err2 == nil && m.offset >= 0 && m.count >= 0
}

// marks is a cursor: a JSON object of file names and how far each was read. It names every file of a pattern, so that
// a new one is noticed wherever its name sorts, and lines added to an old one are too.
type marks map[string]mark

func parseCursor(cursor string) (marks, error) {
	all := marks{}
	if cursor == "" {
		return all, nil
	}
	var texts map[string]string
	err := json.Unmarshal([]byte(cursor), &texts)
	for name, s := range texts {
		m, ok := parseMark(s)
		if !ok {
			err = strconv.ErrSyntax
		}
		all[name] = m
	}
	if err != nil {
		return nil, sdk.Fatal("file.bad_cursor",
			"the stored place %.100q is none of this connector; reset the pipeline's cursor to read from the beginning", cursor)
	}
	return all, nil
}

// encode writes the marks of some files as the inside of an object, each followed by a comma.
func (all marks) encode(keep func(name string) bool) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if keep(name) {
			b.WriteString(entry(name, all[name]) + ",")
		}
	}
	return b.String()
}

func entry(name string, m mark) string {
	quoted, _ := json.Marshal(name) // a string
	return string(quoted) + `:"` + m.String() + `"`
}

// leave drops files that are gone, when there are too many files to remember.
func (all marks) leave() error {
	if len(all.encode(func(string) bool { return true })) < cursorLimit {
		return nil
	}
	maps.DeleteFunc(all, func(_ string, m mark) bool { return m.state == gone })
	if len(all.encode(func(string) bool { return true })) < cursorLimit {
		return nil
	}
	return sdk.Fatal("file.too_many", "%d files are too many to keep track of; move those that are read to another folder", len(all))
}

// fingerprint tells texts apart by their beginning and by what stands before a place in them.
func fingerprint(head, before []byte) string {
	h := sha256.New()
	h.Write(head)
	h.Write(before)
	var sum [sha256.Size]byte
	return hex.EncodeToString(h.Sum(sum[:0])[:8])
}

func changed(name, how string) error {
	return sdk.Fatal("file.changed",
		"%q is not the file that was read before: %s. Nothing of it was read. Put the old file back, or give the new one a name of its own, "+
			"or reset the pipeline's cursor to read it from the beginning", name, how)
}
