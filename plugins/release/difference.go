package release

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// Difference is one thing that two versions of a connector describe differently.
type Difference struct {
	Entity string `json:"entity,omitempty"` // "" = the connection, which all its users have
	What   string `json:"what"`
}

// Differences compares what two versions describe, in order: the connection's settings first.
func Differences(before, after *protocol.Manifest) []Difference {
	var out []Difference
	say := func(entity string) func(string, ...any) {
		return func(format string, args ...any) {
			out = append(out, Difference{entity, fmt.Sprintf(format, args...)})
		}
	}
	compare(say(""), "setting ", before.GetConfig(), after.GetConfig())
	compare(func(format string, args ...any) {
		entity, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%v", args[1]), " "), ".")
		say(entity)(format, args...)
	}, "entity ", before.GetEntities(), after.GetEntities())
	return out
}

// described is what has a name in a manifest: a setting, an entity, a field.
type described interface {
	proto.Message
	GetName() string
}

func compare[T described](say func(string, ...any), what string, before, after []T) {
	list(say, what, "", messages(before), messages(after))
}

func messages[T described](all []T) []protoreflect.Message {
	out := make([]protoreflect.Message, len(all))
	for i, m := range all {
		out[i] = m.ProtoReflect()
	}
	return out
}

func nameOf(m protoreflect.Message) string {
	return m.Get(m.Descriptor().Fields().ByName("name")).String()
}

func named(all []protoreflect.Message, name string) protoreflect.Message {
	i := slices.IndexFunc(all, func(m protoreflect.Message) bool { return nameOf(m) == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

// list compares what has the same name, property by property, down to the fields of fields. Texts that only explain
// make no difference.
func list(say func(string, ...any), what, path string, before, after []protoreflect.Message) {
	for _, old := range before {
		if named(after, nameOf(old)) == nil {
			say("%s%s is gone", what, path+nameOf(old))
		}
	}
	for _, now := range after {
		at := path + nameOf(now)
		old := named(before, nameOf(now))
		if old == nil {
			required := ""
			if f := now.Descriptor().Fields().ByName("required"); f != nil && now.Get(f).Bool() {
				required = ", and required"
			}
			say("%s%s is new%s", what, at, required)
			continue
		}
		fields := now.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			switch {
			case f.Name() == "description" || f.Name() == "example" || f.Name() == "name":
			case f.IsList() && f.Message() != nil:
				list(say, what, at+".", elements(old, f), elements(now, f))
			case !old.Get(f).Equal(now.Get(f)):
				say("%s%s: %s was %s, is %s", what, at, f.Name(), show(old, f), show(now, f))
			}
		}
	}
}

func elements(m protoreflect.Message, f protoreflect.FieldDescriptor) []protoreflect.Message {
	l := m.Get(f).List()
	out := make([]protoreflect.Message, l.Len())
	for i := range l.Len() {
		out[i] = l.Get(i).Message()
	}
	return out
}

func show(m protoreflect.Message, f protoreflect.FieldDescriptor) string {
	v := m.Get(f)
	switch {
	case f.IsList():
		var texts []string
		for i := range v.List().Len() {
			texts = append(texts, v.List().Get(i).String())
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case f.Enum() != nil:
		value := f.Enum().Values().ByNumber(v.Enum())
		if value == nil {
			return fmt.Sprint(v.Enum())
		}
		_, short, _ := strings.Cut(string(value.Name()), "_TYPE_")
		return strings.ToLower(short)
	case f.Kind() == protoreflect.StringKind:
		return fmt.Sprintf("%q", v.String())
	}
	return v.String()
}
