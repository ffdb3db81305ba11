package file

import (
	"bytes"
	"errors"
)

var (
	errMore     = errors.New("more is needed") // the record goes on behind what is known
	errQuote    = errors.New(`a quotation mark stands in a value that does not begin with one; quote the value and write "" for the mark`)
	errBehind   = errors.New(`text follows a closing quotation mark; write "" for a mark within a quoted value`)
	errUnclosed = errors.New("a quotation mark is not closed")
)

// ending is what ends a value.
type ending int

const (
	endOfCell ending = iota
	endOfLine
	endOfText
)

// splitter takes CSV apart, as RFC 4180 says, and keeps what is between quotes as it is, line ends too.
type splitter struct {
	delimiter []byte
	cells     [][]byte // of the last record
	eol       int      // the next line end, as far as it was looked for
}

// record splits the record at the beginning of b into cells and returns how many bytes it takes up. whole is false
// when it ends with b, which can only be when b is the last there is. After a wrong record, size leads to the end of
// the line in which it went wrong.
func (s *splitter) record(b []byte, last bool) (size int, whole bool, err error) {
	s.cells, s.eol = s.cells[:0], -1
	for i := 0; ; {
		var cell []byte
		var next int
		var end ending
		if i < len(b) && b[i] == '"' {
			cell, next, end, err = s.quoted(b, i, last)
		} else {
			cell, next, end, err = s.bare(b, i, last)
		}
		if err != nil {
			return s.wrong(b, next, last, err)
		}
		s.cells = append(s.cells, cell)
		if end != endOfCell {
			return next, end == endOfLine, nil
		}
		i = next
	}
}

// bare reads a value without quotes. next is behind the delimiter or the line end.
func (s *splitter) bare(b []byte, i int, last bool) (cell []byte, next int, end ending, err error) {
	if s.eol < i {
		n := bytes.IndexByte(b[i:], '\n')
		switch {
		case n >= 0:
			s.eol = i + n
		case last:
			s.eol = len(b)
		default:
			return nil, i, 0, errMore
		}
	}
	cell = b[i:s.eol]
	if d := bytes.Index(cell, s.delimiter); d >= 0 {
		cell, next, end = cell[:d], i+d+len(s.delimiter), endOfCell
	} else if cell = bytes.TrimSuffix(cell, []byte("\r")); s.eol < len(b) {
		next, end = s.eol+1, endOfLine
	} else {
		next, end = len(b), endOfText
	}
	if bytes.IndexByte(cell, '"') >= 0 {
		return nil, i, 0, errQuote
	}
	return cell, next, end, nil
}

// quoted reads a value in quotes.
func (s *splitter) quoted(b []byte, i int, last bool) (cell []byte, next int, end ending, err error) {
	doubled := false
	j := i + 1
	for {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 {
			return nil, i, 0, errMore
		}
		j += k
		if j+1 == len(b) || b[j+1] != '"' {
			break
		}
		doubled = true
		j += 2
	}
	cell = b[i+1 : j]
	if doubled {
		cell = bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))
	}
	rest := b[j+1:]
	switch {
	case bytes.HasPrefix(rest, s.delimiter):
		return cell, j + 1 + len(s.delimiter), endOfCell, nil
	case bytes.HasPrefix(rest, []byte("\n")):
		return cell, j + 2, endOfLine, nil
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return cell, j + 3, endOfLine, nil
	case !last && len(rest) < max(2, len(s.delimiter)):
		return nil, i, 0, errMore
	case len(rest) == 0, string(rest) == "\r":
		return cell, len(b), endOfText, nil
	}
	return nil, j + 1, 0, errBehind
}

// wrong finds the end of the line in which a record went wrong.
func (s *splitter) wrong(b []byte, at int, last bool, err error) (int, bool, error) {
	if errors.Is(err, errMore) {
		return 0, false, err
	}
	if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
		return at + n + 1, true, err
	}
	if last {
		return len(b), false, err
	}
	return 0, false, errMore
}
