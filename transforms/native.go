package transforms

import (
	"maps"
	"reflect"
	"strings"

	"github.com/dop251/goja"
)

const longestLog = 8 << 10 // bytes of one message

// native makes what the embedded library and ctx are built on.
func (r *Runtime) native() *goja.Object {
	r.rejected = goja.NewSymbol("rejected")
	r.log = r.logger("info")
	r.fail = r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		var field, code goja.Value
		if options, ok := call.Argument(1).(*goja.Object); ok {
			field, code = options.Get("field"), options.Get("code")
		}
		panic(r.rejection(call.Argument(0), field, code))
	})
	native := r.vm.NewObject()
	members := map[string]any{
		"Decimal": r.decimalClass(),
		"reject": func(call goja.FunctionCall) goja.Value {
			panic(r.rejection(call.Argument(0), call.Argument(1), nil))
		},
		"country": func(call goja.FunctionCall) goja.Value {
			if code, ok := countryCode(call.Argument(0).String()); ok {
				return r.vm.ToValue(code)
			}
			return goja.Undefined()
		},
		"phone": func(call goja.FunctionCall) goja.Value {
			if number, ok := phoneNumber(call.Argument(0).String(), call.Argument(1).String()); ok {
				return r.vm.ToValue(number)
			}
			return goja.Undefined()
		},
	}
	if r.tests != nil {
		maps.Copy(members, r.testing())
	}
	for name, value := range members {
		_ = native.Set(name, value) // a fresh object takes anything
	}
	console := r.vm.NewObject()
	for method, level := range map[string]string{"log": "info", "info": "info", "debug": "debug", "warn": "warn", "error": "error"} {
		_ = console.Set(method, r.logger(level))
	}
	_ = r.vm.Set("console", console)
	return native
}

// rejection is the error that ctx.fail throws.
func (r *Runtime) rejection(message, field, code goja.Value) goja.Value {
	o, err := r.vm.New(r.vm.Get("Error"), message)
	if err != nil {
		panic(err)
	}
	_ = o.DefineDataPropertySymbol(r.rejected, r.vm.ToValue(true), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
	for name, v := range map[string]goja.Value{"field": field, "code": code} {
		if v != nil && !goja.IsUndefined(v) {
			_ = o.Set(name, v)
		}
	}
	return o
}

func (r *Runtime) logger(level string) goja.Value {
	return r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		parts := make([]string, len(call.Arguments))
		for i, v := range call.Arguments {
			parts[i] = r.printed(v)
		}
		r.env.Log(level, clip(strings.Join(parts, " "), longestLog))
		return goja.Undefined()
	})
}

// printed shows plain objects and lists as JSON, everything else as its text.
func (r *Runtime) printed(v goja.Value) string {
	if o, ok := v.(*goja.Object); ok {
		if t := o.ExportType(); (t == typeObject || t == typeLazy || t == typeArray) && o.ClassName() != "Error" {
			if json, err := r.stringify(goja.Undefined(), v); err == nil {
				return json.String()
			}
		}
	}
	return v.String()
}

// same tells whether two records are one and the same, not whether they are equal.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() == reflect.Map && y.Kind() == reflect.Map {
		return x.Pointer() == y.Pointer()
	}
	return a == nil && b == nil
}
