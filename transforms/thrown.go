package transforms

import (
	"errors"
	"regexp"
	"time"

	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/plugins/record"
)

// ownCode is a code that a script may give to ctx.fail.
var ownCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// thrown explains an error of goja.
func (r *Runtime) thrown(err error) *Error {
	var exception *goja.Exception
	var interrupted *goja.InterruptedError
	var overflow *goja.StackOverflowError
	switch {
	case errors.As(err, &interrupted):
		if f, ok := interrupted.Value().(*Error); ok {
			return f.at(interrupted.Stack())
		}
		limit, _ := interrupted.Value().(time.Duration)
		return fault("transform.timeout", "the script took longer than %s", limit).at(interrupted.Stack())
	case errors.As(err, &overflow):
		return fault("transform.depth", "functions call each other more than %d deep", r.program.budget.Depth).at(overflow.Stack())
	case errors.As(err, &exception):
		return r.explain(exception.Value()).at(exception.Stack())
	}
	return fault("transform.crashed", "%v", err)
}

// explain tells what was thrown.
func (r *Runtime) explain(v goja.Value) *Error {
	f := fault("transform.threw", "%s", clip(text(v), 2000))
	o, ok := v.(*goja.Object)
	if !ok {
		f.Thrown, _ = r.asRecord(v)
		f.Message = "the script threw " + describe(v)
		return f
	}
	if o.GetSymbol(r.rejected) != nil {
		f.Code, f.Message = "transform.rejected", text(o.Get("message"))
		if field := o.Get("field"); field != nil && !goja.IsUndefined(field) {
			f.Field = text(field)
		}
		if code := text(o.Get("code")); ownCode.MatchString(code) {
			f.Code = "script." + code
		}
	}
	if r.unmet != nil && o.GetSymbol(r.unmet) != nil {
		f.Code, f.Message = "test.failed", text(o.Get("message"))
	}
	f.Thrown, _ = r.asRecord(v)
	return f
}

// asRecord is v as a record value, where it can be one.
func (r *Runtime) asRecord(v goja.Value) (any, error) {
	out := output{r: r, most: 64 << 10}
	if err := out.needed(v); err != nil {
		return nil, err
	}
	return record.Decode(out.text)
}

func text(v goja.Value) string {
	if v == nil {
		return ""
	}
	return v.String()
}
