package pipelines

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/record"
)

// VarFile is the text of a vars file in which values are changed. What else stands in it, comments too, stays.
type VarFile struct{ file *hclwrite.File }

// ReadVarFile takes a vars file's text.
func ReadVarFile(text []byte) (*VarFile, error) {
	file, diags := hclwrite.ParseConfig(text, DefaultVarFile, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return &VarFile{file}, nil
}

// Bytes is the text, formatted.
func (f *VarFile) Bytes() []byte { return hclwrite.Format(f.file.Bytes()) }

// Clone is the file once more.
func (f *VarFile) Clone() *VarFile {
	file, _ := hclwrite.ParseConfig(f.file.Bytes(), DefaultVarFile, hcl.InitialPos) // it was parsed before
	return &VarFile{file}
}

// Set gives a variable a value. One that was not there is added with a comment that says what it is.
func (f *VarFile) Set(name, about string, v any) {
	body := f.file.Body()
	attr := body.GetAttribute(name)
	if attr == nil {
		if about != "" {
			if len(bytes.TrimSpace(f.file.Bytes())) > 0 {
				body.AppendNewline()
			}
			body.AppendUnstructuredTokens(hclwrite.Tokens{{
				Type: hclsyntax.TokenComment, Bytes: []byte("# " + strings.ReplaceAll(about, "\n", " ") + "\n"),
			}})
		}
		body.SetAttributeValue(name, toCty(v))
		return
	}
	if m, ok := v.(map[string]any); ok {
		if tokens, ok := withEntries(attr.Expr().BuildTokens(nil).Bytes(), m); ok {
			body.SetAttributeRaw(name, tokens)
			return
		}
	}
	body.SetAttributeValue(name, toCty(v))
}

// Unset takes a value out, so that the default counts.
func (f *VarFile) Unset(name string) { f.file.Body().RemoveAttribute(name) }

// withEntries is the text of a map with other entries. Those that stay keep their place and their comments.
func withEntries(text []byte, want map[string]any) (hclwrite.Tokens, bool) {
	e, diags := hclsyntax.ParseExpression(text, "", hcl.InitialPos)
	object, ok := e.(*hclsyntax.ObjectConsExpr)
	if diags.HasErrors() || !ok {
		return nil, false
	}
	if !bytes.ContainsRune(text, '\n') { // there is no comment in it
		tokens, err := expressionTokens(WriteValue(want))
		return tokens, err == nil
	}
	rest := maps.Clone(want)
	var out []byte
	at := 0 // what was taken over
	for _, item := range object.Items {
		k, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || k.Type() != cty.String {
			return nil, false
		}
		key, from, to := k.AsString(), item.KeyExpr.Range().Start.Byte, item.ValueExpr.Range().End.Byte
		v, wanted := want[key]
		delete(rest, key)
		if !wanted { // goes with its comma, its comment and its line
			out = append(out, bytes.TrimRight(text[at:from], " \t")...)
			after := bytes.TrimLeft(text[to:], ", \t")
			if bytes.HasPrefix(after, []byte("#")) || bytes.HasPrefix(after, []byte("//")) {
				after = after[bytes.IndexByte(after, '\n'):]
			}
			if bytes.HasSuffix(out, []byte("\n")) {
				after = bytes.TrimPrefix(after, []byte("\n"))
			}
			at = len(text) - len(after)
			continue
		}
		begin := item.ValueExpr.Range().Start.Byte
		out = append(out, text[at:begin]...)
		at = to
		if now, diags := item.ValueExpr.Value(nil); !diags.HasErrors() {
			if is, err := expr.FromCty(now); err == nil && record.Equal(is, v) {
				out = append(out, text[begin:to]...)
				continue
			}
		}
		out = append(out, WriteValue(v)...)
	}
	end := object.Range().End.Byte - 1 // the brace
	out = append(out, text[at:end]...)
	if len(rest) > 0 {
		out = bytes.TrimRight(out, " \t")
		for _, key := range slices.Sorted(maps.Keys(rest)) {
			out = append(out, "  "+writeKey(key)+" = "+WriteValue(rest[key])+"\n"...)
		}
	}
	tokens, err := expressionTokens(string(append(out, text[end:]...)))
	if err != nil {
		return nil, false
	}
	made, err := ReadValue("", string(tokens.Bytes()))
	return tokens, err == nil && record.Equal(made, want)
}

// expressionTokens are the tokens of one expression.
func expressionTokens(text string) (hclwrite.Tokens, error) {
	file, diags := hclwrite.ParseConfig([]byte("v = "+text+"\n"), "", hcl.InitialPos)
	if diags.HasErrors() || len(file.Body().Attributes()) != 1 || len(file.Body().Blocks()) != 0 {
		return nil, errNoValue
	}
	return file.Body().GetAttribute("v").Expr().BuildTokens(nil), nil
}

var errNoValue = errors.New(`write one value, such as 2, true, ["a", "b"] or { a = "b" }`)

// ReadValue reads the value of a variable of a type: a text as it is, everything else as an expression.
func ReadValue(typ, text string) (any, error) {
	if typ == "string" {
		return text, nil
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() || len(e.Variables()) > 0 {
		return nil, errNoValue
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return nil, errNoValue
	}
	return expr.FromCty(v)
}

// WriteValue is a value as it is written in a vars file, on one line.
func WriteValue(v any) string {
	switch v := v.(type) {
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = WriteValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		items := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, writeKey(key)+" = "+WriteValue(v[key]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	case record.Number:
		return string(v)
	}
	return string(hclwrite.TokensForValue(toCty(v)).Bytes())
}

func writeKey(key string) string {
	if hclsyntax.ValidIdentifier(key) {
		return key
	}
	return WriteValue(key)
}

func toCty(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case record.Number:
		if n, err := cty.ParseNumberVal(string(v)); err == nil {
			return n
		}
	case []any:
		items := make([]cty.Value, len(v))
		for i, item := range v {
			items[i] = toCty(item)
		}
		return cty.TupleVal(items)
	case map[string]any:
		fields := map[string]cty.Value{}
		for k, item := range v {
			fields[k] = toCty(item)
		}
		return cty.ObjectVal(fields)
	case nil:
	default:
		return cty.StringVal(fmt.Sprint(v))
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
