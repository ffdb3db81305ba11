package file

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kopru-io/kopru/plugins/sdk"
)

// objects checks JSON objects and finds their keys, in one pass that decodes nothing.
type objects struct {
	glance
	dec  *jsontext.Decoder
	buf  bytes.Buffer
	path []string // of the key
	said bool     // the pipeline says which field is the key, so it must be there
}

func newObjects(key string) (*objects, error) {
	o := &objects{dec: jsontext.NewDecoder(&bytes.Buffer{}), path: []string{"id"}}
	if key != "" {
		o.path, o.said = strings.Split(key, "."), true
	}
	if slices.Contains(o.path, "") {
		return nil, sdk.Fatal("file.bad_key", "%q is no path to a field; write it as \"id\" or \"order.number\"", key).At("key")
	}
	return o, nil
}

// check fails unless text is one whole JSON object, and appends its key to keys. ok is false when it has none.
func (o *objects) check(keys, text []byte) (_ []byte, ok bool, err error) {
	found, sound := o.object(text, o.path[0])
	key := jsontext.Value(found)
	if !sound {
		if key, err = o.parse(text); err != nil {
			return keys, false, err
		}
	}
	before := len(keys)
	keys, ok = appendKey(keys, key, o.path[1:])
	if !ok && o.said {
		return keys[:before], false, sdk.Invalid("file.no_key",
			"the record has no text or number in %q, which is its key", strings.Join(o.path, "."))
	}
	return keys, ok, nil
}

// parse fails unless text is one whole JSON object, and returns the value of the field that is, or holds, the key.
func (o *objects) parse(text []byte) (jsontext.Value, error) {
	o.buf = *bytes.NewBuffer(text)
	o.dec.Reset(&o.buf)
	if o.dec.PeekKind() != '{' {
		return nil, notAnObject(text)
	}
	value, err := field(o.dec, o.path[0])
	if err != nil {
		return nil, plain(err)
	}
	if _, err := o.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text after the JSON object")
	}
	return value, nil
}

// field reads an object and returns the text of one of its values, nil when it has none of that name. It is good
// until the next read.
func field(dec *jsontext.Decoder, name string) (value jsontext.Value, err error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		n, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		found := isName(n, name)
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if found {
			value = v // the decoder reads from memory, which stays as it is
		}
	}
	_, err = dec.ReadToken()
	return value, err
}

func isName(quoted jsontext.Value, name string) bool {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside) == name
	}
	plain, err := jsontext.AppendUnquote(nil, quoted)
	return err == nil && string(plain) == name
}

// appendKey appends a value that can be a key, or what a path within it leads to.
func appendKey(keys []byte, value jsontext.Value, path []string) ([]byte, bool) {
	for _, name := range path {
		if value.Kind() != '{' {
			return keys, false
		}
		var err error
		if value, err = field(jsontext.NewDecoder(bytes.NewBuffer(value)), name); err != nil {
			return keys, false
		}
	}
	before := len(keys)
	switch value.Kind() {
	case '0':
		keys = append(keys, value...)
	case '"':
		unquoted, err := jsontext.AppendUnquote(keys, value)
		if err != nil {
			return keys, false
		}
		keys = unquoted
	}
	return keys, len(keys) > before
}

func notAnObject(text []byte) error {
	if v := jsontext.Value(text); !v.IsValid() {
		return errors.New("this is not JSON; every record must be a JSON object")
	}
	return sdk.Invalid("file.not_an_object", "the record is JSON, but not an object; every record must be one")
}

// plain takes the library's name off an error.
func plain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("this is not sound JSON: it ends in the middle")
	}
	return errors.New("this is not sound JSON: " + strings.TrimPrefix(err.Error(), "jsontext: "))
}
