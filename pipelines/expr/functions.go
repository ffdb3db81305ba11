package expr

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/kopru-io/kopru/plugins/record"
)

// Functions returns the library, by name.
func Functions() map[string]Function {
	out := map[string]Function{}
	for _, group := range []struct {
		name string
		list []Function
	}{
		{"Texts", textFunctions()},
		{"Texts", writingFunctions()},
		{"Texts", regexFunctions()},
		{"Types", convertFunctions()},
		{"Numbers", numberFunctions()},
		{"Numbers", decimalFunctions()},
		{"Lists and objects", collectionFunctions()},
		{"Lists and objects", nestedFunctions()},
		{"Dates", timeFunctions()},
		{"What is missing, and what is elsewhere", languageFunctions()},
	} {
		for _, f := range group.list {
			f.Group = group.name
			out[f.Name] = f
		}
	}
	return out
}

// text makes a function of one text.
func text(name, doc, example, result string, do func(string) string) Function {
	return Function{
		Name: name, Doc: doc, Example: example, Result: result, Min: 1, Max: 1, Returns: String,
		Call: func(args []any) (any, error) {
			s, ok := toText(args[0])
			if !ok {
				return nil, fmt.Errorf("a text is needed, not %s", kind(args[0]))
			}
			return do(s), nil
		},
	}
}

// texts makes a function of several texts.
func texts(name, doc, example, result string, n int, returns Kind, do func(a []string) (any, error)) Function {
	return Function{
		Name: name, Doc: doc, Example: example, Result: result, Min: n, Max: n, Returns: returns,
		Call: func(args []any) (any, error) {
			list := make([]string, len(args))
			for i, arg := range args {
				s, ok := toText(arg)
				if !ok {
					return nil, fmt.Errorf("a text is needed, not %s", kind(arg))
				}
				list[i] = s
			}
			return do(list)
		},
	}
}

func textFunctions() []Function {
	return []Function{
		text("lower", "Lower case.", `lower("Jan@X.NL")`, `"jan@x.nl"`, strings.ToLower),
		text("upper", "Upper case.", `upper("nl")`, `"NL"`, strings.ToUpper),
		text("trim", "Without white space at both ends.", `trim(" a b ")`, `"a b"`, strings.TrimSpace),
		text("digits", "Only the digits of a text.", `digits("TIE-01")`, `"01"`, digits),
		text("sha256", "SHA-256 in hexadecimal, to name a thing without telling it.", `substr(sha256("a"), 0, 8)`, `"ca978112"`, func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}),
		text("base64encode", "Base64.", `base64encode("ab")`, `"YWI="`, func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(s))
		}),
		texts("base64decode", "The text in Base64.", `base64decode("YWI=")`, `"ab"`, 1, String,
			func(a []string) (any, error) {
				data, err := base64.StdEncoding.DecodeString(a[0])
				return string(data), err
			}),
		texts("trimprefix", "Without a prefix.", `trimprefix("SKU-1", "SKU-")`, `"1"`, 2, String,
			func(a []string) (any, error) { return strings.TrimPrefix(a[0], a[1]), nil }),
		texts("trimsuffix", "Without a suffix.", `trimsuffix("1 pcs", " pcs")`, `"1"`, 2, String,
			func(a []string) (any, error) { return strings.TrimSuffix(a[0], a[1]), nil }),
		texts("startswith", "Whether a text begins with another.", `startswith("NL123", "NL")`, `true`, 2, Bool,
			func(a []string) (any, error) { return strings.HasPrefix(a[0], a[1]), nil }),
		texts("endswith", "Whether a text ends with another.", `endswith("a.csv", ".csv")`, `true`, 2, Bool,
			func(a []string) (any, error) { return strings.HasSuffix(a[0], a[1]), nil }),
		texts("replace", "Every occurrence of a text replaced by another.", `replace("a-b-c", "-", "")`, `"abc"`, 3, String,
			func(a []string) (any, error) { return strings.ReplaceAll(a[0], a[1], a[2]), nil }),
		texts("split", "A text cut at a separator.", `split(",", "a,b")`, `["a", "b"]`, 2, List,
			func(a []string) (any, error) { return asList(strings.Split(a[1], a[0])), nil }),
		{
			Name: "join", Doc: "Texts with a separator between them.", Example: `join(", ", ["a", "b"])`, Result: `"a, b"`,
			Min: 2, Max: 2, Returns: String, Call: join,
		},
		{
			Name: "substr", Doc: "So many characters from a position; a negative length takes the rest.",
			Example: `substr("Amsterdam", 0, 5)`, Result: `"Amste"`, Min: 3, Max: 3, Returns: String, Call: substr,
		},
		{
			Name: "format", Doc: "Text with %s (value), %d (whole number) and %% filled in.",
			Example: `format("%s-%d", "2026", 7)`, Result: `"2026-7"`, Min: 1, Max: -1, Returns: String, Call: format,
		},
	}
}

func convertFunctions() []Function {
	return []Function{
		{
			Name: "tostring", Doc: "A number or bool as text.", Example: `tostring(12.50)`, Result: `"12.5"`, Min: 1, Max: 1, Returns: String,
			Call: func(a []any) (any, error) {
				if a[0] == nil {
					return nil, nil
				}
				s, ok := toText(a[0])
				if !ok {
					return nil, fmt.Errorf("%s has no text", kind(a[0]))
				}
				return s, nil
			},
		},
		{
			Name: "tobool", Doc: "A text as bool.", Example: `tobool("true")`, Result: `true`, Min: 1, Max: 1, Returns: Bool,
			Call: func(a []any) (any, error) {
				switch a[0] {
				case nil:
					return nil, nil
				case true, "true", "1":
					return true, nil
				case false, "false", "0":
					return false, nil
				}
				return nil, errors.New("the value is neither true nor false")
			},
		},
		{
			Name: "jsonencode", Doc: "A value as JSON text.", Example: `jsonencode({ a = 1 })`, Result: `"{\"a\":1}"`, Min: 1, Max: 1, Returns: String,
			Call: func(a []any) (any, error) {
				data, err := record.Encode(a[0])
				return string(data), err
			},
		},
		texts("jsondecode", "The value of a JSON text.", `jsondecode("{\"a\":1.50}").a`, `1.5`, 1, Any,
			func(a []string) (any, error) { return record.Decode([]byte(a[0])) }),
	}
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func asList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func join(args []any) (any, error) {
	separator, ok := toText(args[0])
	list, isList := args[1].([]any)
	if !ok || !isList {
		return nil, errors.New("join takes a separator and a list")
	}
	parts := make([]string, len(list))
	for i, item := range list {
		if parts[i], ok = toText(item); !ok {
			return nil, fmt.Errorf("element %d is %s, not a text", i, kind(item))
		}
	}
	return strings.Join(parts, separator), nil
}

func substr(args []any) (any, error) {
	s, ok := toText(args[0])
	from, ok1 := toIndex(args[1])
	length, ok2 := toIndex(args[2])
	if !ok || !ok1 || !ok2 || from < 0 {
		return nil, errors.New("substr takes a text, a position and a length")
	}
	runes := []rune(s)
	from = min(from, int64(len(runes)))
	end := int64(len(runes))
	if length >= 0 {
		end = min(end, from+length)
	}
	return string(runes[from:end]), nil
}

func format(args []any) (any, error) {
	pattern, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the first argument is the text")
	}
	var out strings.Builder
	next := 1
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			out.WriteByte(pattern[i])
			continue
		}
		i++
		switch verb := rune(pattern[i]); {
		case verb == '%':
			out.WriteByte('%')
		case (verb == 's' || verb == 'd') && next < len(args):
			s, ok := toText(args[next])
			if !ok {
				return nil, fmt.Errorf("argument %d is %s, which has no text", next, kind(args[next]))
			}
			out.WriteString(s)
			next++
		case (verb == 's' || verb == 'd') && next >= len(args):
			return nil, errors.New("there are more % than values")
		default:
			return nil, fmt.Errorf("%%%c is not known; there are %%s, %%d and %%%%", verb)
		}
	}
	if next < len(args) {
		return nil, errors.New("there are more values than %")
	}
	return out.String(), nil
}
